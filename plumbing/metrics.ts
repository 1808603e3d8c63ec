import type { Watch } from './access-log.ts';
import { Exposition, Histogram, type Labels } from './exposition.ts';
import type { Health } from './health.ts';
import { KNOWN_METHODS } from './known-methods.ts';
import { addProcessMetrics } from './process-metrics.ts';
import type { Spans } from './spans.ts';

/** Seconds: from what a film takes at least to what a client waits at most. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a service counts. */
export class Metrics {
  readonly #exposition = new Exposition();

  /** `spans`: undefined without tracing. */
  constructor(health: Health, spans: Pick<Spans, 'dropped'> | undefined) {
    addProcessMetrics(this);
    this.gauge('service_part_up', 'Whether a part that the service stands on works: 1, or 0', async (set) => {
      const { parts } = await health.ready();
      for (const [part, { state }] of Object.entries(parts)) set(state === 'up' ? 1 : 0, { part });
    });
    if (spans) this.counter('traces_spans_dropped_total', 'Spans that did not reach their receiver', () => spans.dropped());
  }

  get contentType(): string {
    return Exposition.contentType;
  }

  text(): Promise<string> {
    return this.#exposition.text();
  }

  /** A gauge that is read when somebody asks; what is not set then is absent. */
  gauge(name: string, help: string, read: (set: (value: number, labels?: Labels) => void) => Promise<void> | void): void {
    this.#exposition.add({
      name,
      help,
      type: 'gauge',
      async read() {
        const samples: { value: number; labels: Labels }[] = [];
        await read((value, labels) => samples.push({ value, labels: labels ?? {} }));
        return samples;
      },
    });
  }

  /** A count that somebody else keeps. */
  counter(name: string, help: string, read: () => number): void {
    this.#exposition.add({ name, help, type: 'counter', read: () => [{ value: read(), labels: {} }] });
  }

  /** Counts that somebody else keeps, by the values of one label. */
  counters(name: string, help: string, label: string, read: () => Record<string, number>): void {
    const samples = () => Object.entries(read()).map(([value, count]) => ({ value: count, labels: { [label]: value } }));
    this.#exposition.add({ name, help, type: 'counter', read: samples });
  }

  histogram(name: string, help: string, bounds = DURATIONS): Histogram {
    const histogram = new Histogram(bounds);
    this.#exposition.add({ name, help, type: 'histogram', read: () => histogram.samples() });
    return histogram;
  }
}

/** The requests of a service by route, method and status, for its access log to tell of. `end` gives the route. */
export function requestMetrics(metrics: Metrics): { begin(): void; end(...told: Parameters<Watch['end']>): string } {
  let inFlight = 0;
  metrics.gauge('http_server_requests_in_flight', 'Requests whose answer is not out yet', (set) => set(inFlight));
  const durations = metrics.histogram(
    'http_server_request_duration_seconds',
    'From a request until its answer is out; 499: the client left before',
  );
  return {
    begin() {
      inFlight++;
    },
    end({ req }, status, milliseconds) {
      inFlight--;
      const method = KNOWN_METHODS.has(req.method!) ? req.method! : 'other';
      const route = apiRoute(req.url!);
      durations.observe(milliseconds / 1000, { method, route, status });
      return route;
    },
  };
}

/** The route of the API that a target belongs to: few, whatever clients ask for. */
export function apiRoute(target: string): string {
  const [, name, below] = API.exec(target) ?? [];
  if (name === undefined) return 'other';
  return below ? `/api/${name}/{id}` : `/api/${name}`;
}

const API = /^\/api\/(movies|billing)(?:$|\/?(?:\?|$)|(\/))/;
