import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Span as ApiSpan,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from './log.ts';
import { SpanOutbox } from './span-outbox.ts';
import type { Attributes, Begun, Kind, Span, Spans } from './spans.ts';
import { randomHex, type TraceParent } from './trace-context.ts';
import type { TracingConfig } from './tracing-config.ts';

/** Milliseconds that a stop waits for what is left to be sent. */
const FLUSH = 400;

/** As many as a batch of billing has orders. */
const MOST_LINKS = 1000;

const KINDS: Record<Kind, SpanKind> = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

/** Spans by OpenTelemetry's SDK, sent by OTLP over HTTP. The only module that knows of it, with the outbox. */
export function createSpans(config: TracingConfig & { url: string }, log: Logger): Spans {
  const exporter = new OTLPTraceExporter({ url: config.url, headers: config.headers, timeoutMillis: config.timeout });
  const outbox = new SpanOutbox(exporter, config, log);
  const sampler = samplerOf(config);
  let ofRequest: string | undefined; // the id of a trace for which the sampler has been asked
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.instance.id': randomUUID(), ...config.resource })),
    sampler: sampledByLinks(sampler),
    idGenerator: { generateTraceId: () => ofRequest ?? randomHex(16), generateSpanId: () => randomHex(8) },
    spanLimits: { linkCountLimit: MOST_LINKS },
    spanProcessors: [outbox],
  });
  const tracer = provider.getTracer('crud-master');
  return {
    begin(kind, name, parent) {
      const traceId = parent?.traceId ?? randomHex(16);
      const context = contextOf(parent);
      // Asked before the SDK does: it makes an object of some 4 µs for what is not sampled, too.
      const { decision } = sampler.shouldSample(context, traceId, name, KINDS[kind], NONE, []);
      if (decision === SamplingDecision.NOT_RECORD) return unsampled(traceId);
      ofRequest = traceId;
      const span = new SdkSpan(tracer, tracer.startSpan(name, { kind: KINDS[kind] }, context));
      ofRequest = undefined;
      return { traceId, traceparent: span.traceparent, span };
    },
    batch(name, attributes, links) {
      const contexts = links.map((link) => ({ context: (link as SdkSpan).span.spanContext() }));
      return new SdkSpan(tracer, tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes, links: contexts }, ROOT_CONTEXT));
    },
    dropped: () => outbox.dropped,
    async close() {
      await Promise.race([provider.shutdown().catch(() => {}), sleep(FLUSH)]); // what failed is counted
      outbox.giveUp();
    },
  };
}

const NONE = {};

/** Its ids go on. */
const unsampled = (traceId: string): Begun => ({ traceId, traceparent: `00-${traceId}-${randomHex(8)}-00`, span: undefined });

function contextOf(parent: TraceParent | undefined): Context {
  if (!parent) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
}

function traceparentOf(span: ApiSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags & 1 ? '01' : '00'}`;
}

class SdkSpan implements Span {
  readonly #tracer: Tracer;
  readonly span: ApiSpan;

  constructor(tracer: Tracer, span: ApiSpan) {
    this.#tracer = tracer;
    this.span = span;
  }

  get traceparent(): string {
    return traceparentOf(this.span);
  }

  child(kind: Kind, name: string, attributes: Attributes): Span {
    const context = trace.setSpan(ROOT_CONTEXT, this.span);
    return new SdkSpan(this.#tracer, this.#tracer.startSpan(name, { kind: KINDS[kind], attributes }, context));
  }

  rename(name: string): void {
    this.span.updateName(name);
  }

  set(attributes: Attributes): void {
    this.span.setAttributes(attributes);
  }

  link(other: Span): void {
    this.span.addLink({ context: (other as SdkSpan).span.spanContext() });
  }

  end(error?: string): void {
    if (!this.span.isRecording()) return;
    if (error !== undefined) this.span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
    this.span.end();
  }
}

/** As the specification names them: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
function samplerOf({ sampler, ratio }: Pick<TracingConfig, 'sampler' | 'ratio'>): Sampler {
  const [, isParentBased, name] = /^(parentbased_)?(.*)$/.exec(sampler)!;
  const root =
    name === 'always_on'
      ? new AlwaysOnSampler()
      : name === 'always_off'
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(ratio);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

/** What begins with links has them to sampled spans only: without it they would lead nowhere. */
function sampledByLinks(sampler: Sampler): Sampler {
  return {
    shouldSample(context, traceId, name, kind, attributes, links) {
      if (links.length > 0) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
      return sampler.shouldSample(context, traceId, name, kind, attributes, links);
    },
    toString: () => `SampledByLinks{${sampler}}`,
  };
}
