import { ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';
import type { Span, Spans } from '@crud-master/plumbing/spans';
import { parseTraceparent } from '@crud-master/plumbing/trace-context';
import type { ConsumeMessage } from 'amqplib';
import type { Batch, Decision } from './batch.ts';
import type { Letter } from './dead-letter.ts';

/**
 * The spans of a batch: one of its own, under which it is stored, and for each order one in the order's own trace, which says what
 * became of it. They link to each other (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/).
 */
export class BatchSpans {
  readonly batch: Span;
  readonly #orders: Map<ConsumeMessage, Span>;

  constructor(batch: Span, orders: Map<ConsumeMessage, Span>) {
    this.batch = batch;
    this.#orders = orders;
  }

  /** They are on their way to the dead letters. */
  refused(letters: Letter[]): void {
    for (const { message, why } of letters) this.#end(message, {}, why.kind);
  }

  /** Everything has become what it becomes. */
  end({ done, letters }: Decision): void {
    this.refused(letters);
    for (const { message, orderId } of done) {
      this.#end(
        message,
        orderId === undefined ? { 'order.outcome': 'known' } : { 'order.outcome': 'stored', 'order.id': orderId },
      );
    }
    this.batch.end();
  }

  /** What is not stored goes back to the queue, and is delivered again. */
  giveBack(): void {
    for (const message of this.#orders.keys()) this.#end(message, {}, 'returned-to-the-queue');
    this.batch.end('returned-to-the-queue');
  }

  #end(message: ConsumeMessage, attributes: Record<string, string | number>, error?: string): void {
    const span = this.#orders.get(message);
    if (!span) return;
    span.set(attributes);
    span.end(error);
  }
}

/** Undefined where no message of the batch is sampled. */
export function traceBatch(spans: Spans, queue: string, { orders, letters }: Batch): BatchSpans | undefined {
  const destination = `${ORDERS_EXCHANGE}:${queue}`;
  const name = `process ${destination}`;
  const common = {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': destination,
  };
  const sampled = new Map<ConsumeMessage, Span>();
  const begin = (message: ConsumeMessage, id: string) => {
    const { span } = spans.begin('consumer', name, parseTraceparent(message.properties.headers?.traceparent));
    if (!span) return;
    span.set({ ...common, 'messaging.message.id': id });
    sampled.set(message, span);
  };
  for (const { message, messageId } of orders) begin(message, messageId);
  for (const { message, id } of letters) begin(message, id);
  if (sampled.size === 0) return undefined;

  const links = [...sampled.values()];
  const batch = spans.batch(name, { ...common, 'messaging.batch.message_count': orders.length + letters.length }, links);
  for (const span of links) span.link(batch);
  const all = new BatchSpans(batch, sampled);
  all.refused(letters);
  return all;
}
