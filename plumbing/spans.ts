import type { Logger } from './log.ts';
import type { TraceParent } from './trace-context.ts';
import type { TracingConfig } from './tracing-config.ts';

export type Kind = 'server' | 'client' | 'producer' | 'consumer';

/** By the names of OpenTelemetry's semantic conventions: https://opentelemetry.io/docs/specs/semconv/ */
export type Attributes = Record<string, string | number | undefined>;

/** A part of a trace that is sampled. What is not sampled has no span, so that it costs one check. */
export interface Span {
  /** For whoever carries the trace on, under this span. */
  readonly traceparent: string;
  child(kind: Kind, name: string, attributes: Attributes): Span;
  rename(name: string): void;
  set(attributes: Attributes): void;
  link(other: Span): void;
  /** With the kind of the error where it failed (`error.type`). Without effect when it has ended. */
  end(error?: string): void;
}

/** A trace that was begun or goes on, sampled or not. */
export interface Begun {
  traceId: string;
  /** With the flag that says whether it is sampled. */
  traceparent: string;
  span: Span | undefined;
}

export interface Spans {
  /** Goes on with the parent's trace, or begins one. The sampler decides whether there is a span. */
  begin(kind: Kind, name: string, parent: TraceParent | undefined): Begun;
  /** A trace of its own for what was done for several at once: it links to their spans, and is sampled as they are. */
  batch(name: string, attributes: Attributes, links: Span[]): Span;
  /** Spans that did not reach the receiver, since the start. */
  dropped(): number;
  /** Sends what is left, and waits for that 400 ms at most. */
  close(): Promise<void>;
}

/** Undefined, and nothing of OpenTelemetry is loaded, unless there is somebody to send spans to. */
export async function openSpans(config: TracingConfig, log: Logger): Promise<Spans | undefined> {
  if (config.url === undefined) return undefined;
  const { createSpans } = await import('./opentelemetry.ts');
  return createSpans({ ...config, url: config.url }, log);
}
