import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Watch } from './access-log.ts';
import type { Health } from './health.ts';
import type { Spans } from './spans.ts';

/** Milliseconds between two looks at how late the event loop is. */
const LOOP_PRECISION = 50;

/** Seconds: from what a film takes at least to what a client waits at most. */
export const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a service counts, in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export class Metrics {
  readonly registry = new Registry();

  /** `spans`: undefined without tracing. */
  constructor(health: Health, spans: Pick<Spans, 'dropped'> | undefined) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LOOP_PRECISION });
    this.gauge('service_part_up', 'Whether a part that the service stands on works: 1, or 0', ['part'], async (set) => {
      const { parts } = await health.ready();
      for (const [part, { state }] of Object.entries(parts)) set(state === 'up' ? 1 : 0, { part });
    });
    if (!spans) return;
    const dropped: Counter = new Counter({
      name: 'traces_spans_dropped_total',
      help: 'Spans that did not reach their receiver',
      registers: [this.registry],
      collect() {
        dropped.reset();
        dropped.inc(spans.dropped());
      },
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** A gauge that is read when somebody asks; what is not set then is absent. */
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[],
    read: (set: (value: number, labels?: Record<Label, string>) => void) => Promise<void> | void,
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      async collect() {
        gauge.reset();
        if (labelNames.length === 0) gauge.remove();
        await read((value, labels) => (labels ? gauge.set(labels as Record<string, string>, value) : gauge.set(value)));
      },
    });
  }

  /** A counter whose values somebody else keeps, by one label. */
  counter(name: string, help: string, label: string, read: () => Record<string, number>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect() {
        counter.reset();
        for (const [value, count] of Object.entries(read())) counter.inc({ [label]: value }, count);
      },
    });
  }

  histogram<Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
    buckets: number[] = DURATIONS,
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/** The requests of a service by route, method and status, for its access log to tell of. */
export function requestMetrics(metrics: Metrics, routeOf: (target: string) => string): Watch {
  let inFlight = 0;
  metrics.gauge('http_server_requests_in_flight', 'Requests whose answer is not out yet', [], (set) => set(inFlight));
  const durations = metrics.histogram(
    'http_server_request_duration_seconds',
    'From a request until its answer is out; 499: the client left before',
    ['method', 'route', 'status'],
  );
  return {
    begin() {
      inFlight++;
    },
    end({ req }, status, milliseconds) {
      inFlight--;
      const method = METHODS.has(req.method!) ? req.method! : 'other';
      durations.observe({ method, route: routeOf(req.url!), status }, milliseconds / 1000);
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
