import { expect, test } from 'vitest';
import { Exposition, Histogram } from '../exposition.ts';
import { Health } from '../health.ts';
import { apiRoute, Metrics } from '../metrics.ts';

const withoutProcess = (text: string) => text.replace(/^(?:# (?:HELP|TYPE) )?(?:process|nodejs)_.*\n/gm, '');

test('Metrics are written as Prometheus reads them', async () => {
  const metrics = new Metrics(new Health([{ name: 'database', check: () => 'is away' }]), { dropped: () => 3 });
  metrics.gauge('depth', 'Orders', (set) => set(5));
  metrics.gauge('unknown', 'Not known now', () => {});
  metrics.counters('parked_total', 'By kind', 'kind', () => ({ 'a "kind"\\\n': 1, other: 2 }));
  const times = metrics.histogram('times_seconds', 'Times', [0.1, 1]);
  times.observe(0.1, { route: '/x' });
  times.observe(2, { route: '/x' });
  expect(
    withoutProcess(await metrics.text()),
  ).toBe(`# HELP service_part_up Whether a part that the service stands on works: 1, or 0
# TYPE service_part_up gauge
service_part_up{part="database"} 0
# HELP traces_spans_dropped_total Spans that did not reach their receiver
# TYPE traces_spans_dropped_total counter
traces_spans_dropped_total 3
# HELP depth Orders
# TYPE depth gauge
depth 5
# HELP parked_total By kind
# TYPE parked_total counter
parked_total{kind="a \\"kind\\"\\\\\\n"} 1
parked_total{kind="other"} 2
# HELP times_seconds Times
# TYPE times_seconds histogram
times_seconds_bucket{route="/x",le="0.1"} 1
times_seconds_bucket{route="/x",le="1"} 1
times_seconds_bucket{route="/x",le="+Inf"} 2
times_seconds_sum{route="/x"} 2.1
times_seconds_count{route="/x"} 2
`);
});

test('A histogram tells labels apart that look alike when joined', () => {
  const histogram = new Histogram([1]);
  histogram.observe(1, { a: 'x', b: 'yz' });
  histogram.observe(1, { a: 'xy', b: 'z' });
  expect(
    histogram
      .samples()
      .filter(({ suffix }) => suffix === '_count')
      .map(({ value }) => value),
  ).toEqual([1, 1]);
});

test('One metric that fails spoils the text, which says nothing half', async () => {
  const exposition = new Exposition();
  exposition.add({ name: 'x', help: 'x', type: 'gauge', read: () => Promise.reject(new Error('away')) });
  await expect(exposition.text()).rejects.toThrow('away');
});

test.each([
  ['/api/movies', '/api/movies'],
  ['/api/movies/', '/api/movies'],
  ['/api/movies?title=a/b', '/api/movies'],
  ['/api/movies/?x', '/api/movies'],
  ['/api/movies/7', '/api/movies/{id}'],
  ['/api/movies/7/8/9?x', '/api/movies/{id}'],
  ['/api/billing', '/api/billing'],
  ['/api/moviesx', 'other'],
  ['/', 'other'],
  ['http://elsewhere/api/movies', 'other'],
])('%s belongs to the route %s', (target, route) => {
  expect(apiRoute(target)).toBe(route);
});
