import { hash, randomUUID } from 'node:crypto';
import type { Logger } from '@crud-master/plumbing/log';
import type { ConsumeMessage } from 'amqplib';
import { isSuspect } from './dead-letter.ts';
import type { IsolatedReader } from './isolated-reader.ts';
import type { Reading, ReadOrder, Unacceptable } from './order.ts';
import type { IncomingOrder, Outcome } from './orders.ts';

export interface Settlement {
  /** Stored, now or before: acknowledge. */
  done: ConsumeMessage[];
  /** Can never be an order: to the dead letters, then acknowledge. */
  dead: { message: ConsumeMessage; id: string; why: Unacceptable }[];
}

/** Messages that were read: orders to store, and those that can never be orders. */
export interface Batch {
  orders: (IncomingOrder & { message: ConsumeMessage })[];
  dead: Settlement['dead'];
}

/** What became of each order of a batch; `refused` with its reason where the database refused the values. */
export type Outcomes = (Outcome | { refused: string })[];

export type Settle = ReturnType<typeof createSettle>;

interface Dependencies {
  readOrder: ReadOrder;
  isolatedReader: IsolatedReader;
  /** Waits as long as the database is away, and rejects when the signal aborts. */
  store(incoming: IncomingOrder[], signal: AbortSignal): Promise<Outcomes>;
  maxMessageBytes: number;
  log: Logger;
}

/** Orders of one batch that get a line of the log each. More share a line: a line each costs as much as reading the order. */
const LINES = 20;

/**
 * The one place that decides what becomes of messages. Each ends in one of three sentences: it is stored, now or by an earlier
 * delivery; it can never be an order; or it cannot be stored now, and then `store` does not return until it can, and rejects
 * when the signal aborts: the queue keeps it. Three steps, so that one batch is read while another one is stored.
 */
export function createSettle({ readOrder, isolatedReader, store, maxMessageBytes, log }: Dependencies) {
  async function readBatch(messages: ConsumeMessage[]): Promise<Batch> {
    const batch: Batch = { orders: [], dead: [] };
    for (const message of messages) {
      // A message without an id gets one, so that at least the attempts of this process count as the same message.
      const messageId: string = message.properties.messageId || randomUUID();
      const reading = messageId.includes('\0') ? badMessageId : await read(message);
      if ('order' in reading) {
        batch.orders.push({ message, messageId, contentHash: hash('sha256', message.content, 'hex'), order: reading.order });
      } else {
        batch.dead.push({ message, id: messageId, why: reading.unacceptable });
      }
    }
    return batch;
  }

  function conclude({ orders, dead: unreadable }: Batch, outcomes: Outcomes): Settlement {
    const done: Settlement['done'] = [];
    const dead = [...unreadable];
    const stored: object[] = [];
    for (const [index, { message, messageId }] of orders.entries()) {
      const outcome = outcomes[index]!;
      const context = { request_id: requestId(message), message_id: messageId };
      if (outcome === 'known') {
        log.info(context, 'order already stored');
        done.push(message);
      } else if (outcome === 'conflict') {
        dead.push({ message, id: messageId, why: CONFLICT });
      } else if ('refused' in outcome) {
        dead.push({
          message,
          id: messageId,
          why: { kind: 'refused', reason: `The database refuses the order: ${outcome.refused}` },
        });
      } else {
        stored.push({ ...context, order_id: outcome.stored });
        done.push(message);
      }
    }
    report(stored);
    return { done, dead };
  }

  function report(stored: object[]): void {
    if (stored.length > LINES) log.info({ orders: stored }, 'orders stored');
    else for (const order of stored) log.info(order, 'order stored');
  }

  async function read(message: ConsumeMessage): Promise<Reading> {
    const { content } = message;
    if (content.length > maxMessageBytes) {
      return {
        unacceptable: {
          kind: 'too-large',
          reason: `The message has ${content.length} bytes; an order has at most ${maxMessageBytes}.`,
        },
      };
    }
    if (!isSuspect(message)) return readOrder(content);
    return (await isolatedReader.read(content)) ?? CRASHES;
  }

  return {
    read: readBatch,
    store: async ({ orders }: Batch, signal: AbortSignal) => (orders.length > 0 ? store(orders, signal) : []),
    conclude,
  };
}

const CONFLICT: Unacceptable = {
  kind: 'conflict',
  reason:
    'Another order with this message id is stored already, with another content: ' +
    'a client used the same Idempotency-Key for two different orders. This one was not stored.',
};

const CRASHES: Reading = {
  unacceptable: {
    kind: 'crash',
    reason: 'Whatever process handles this message dies: tried three times, with no other message in hand.',
  },
};

const badMessageId: Reading = {
  unacceptable: { kind: 'bad-message-id', reason: 'The message id contains a NUL character, which cannot be remembered.' },
};

export function requestId({ properties }: ConsumeMessage): string | undefined {
  const id: unknown = properties.headers?.['x-request-id'];
  return typeof id === 'string' ? id.slice(0, 64) : undefined;
}
