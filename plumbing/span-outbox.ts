import { TraceFlags } from '@opentelemetry/api';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Logger } from './log.ts';
import type { TracingConfig } from './tracing-config.ts';

/** Milliseconds between two lines in the log about spans that are lost. */
const SILENCE = 60_000;

/** The exporter's word for a success: @opentelemetry/core has it, a package for one number. */
const SUCCESS = 0;

/**
 * Spans on their way to the receiver: so many wait at most, what is more is dropped, and what is lost is counted. The SDK's
 * processor has the same bound and keeps its count to itself.
 */
export class SpanOutbox implements SpanProcessor {
  /** Spans that never reached the receiver. */
  dropped = 0;
  #waiting = 0;
  #underWay = 0;
  #said = Number.NEGATIVE_INFINITY;
  readonly #processor: SpanProcessor;
  readonly #queueSize: number;
  readonly #log: Logger;

  constructor(
    exporter: SpanExporter,
    config: Pick<TracingConfig, 'queueSize' | 'batchSize' | 'delay' | 'exportTimeout'>,
    log: Logger,
  ) {
    this.#queueSize = config.queueSize;
    this.#log = log;
    this.#processor = new BatchSpanProcessor({
      exporter: this.#counted(exporter),
      maxQueueSize: config.queueSize,
      maxExportBatchSize: config.batchSize,
      scheduledDelayMillis: config.delay,
      exportTimeoutMillis: config.exportTimeout,
    });
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#waiting >= this.#queueSize) {
      this.#lose(1, `more than ${this.#queueSize} wait to be sent`);
      return;
    }
    this.#waiting++;
    this.#processor.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#processor.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#processor.shutdown();
  }

  /** What is not at the receiver by now is lost. */
  giveUp(): void {
    const left = this.#waiting + this.#underWay;
    if (left > 0) this.#lose(left, 'the service stopped before they were sent');
  }

  #counted(exporter: SpanExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#waiting -= spans.length;
        this.#underWay += spans.length;
        exporter.export(spans, (result) => {
          this.#underWay -= spans.length;
          if (result.code !== SUCCESS) this.#lose(spans.length, result.error?.message || 'the receiver refused them');
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush!() }),
    };
  }

  #lose(spans: number, reason: string): void {
    this.dropped += spans;
    const now = performance.now();
    if (now - this.#said < SILENCE) return;
    this.#said = now;
    this.#log.warn({ dropped: this.dropped, reason }, 'spans are dropped');
  }
}
