import { hash, randomUUID } from 'node:crypto';
import type { ConsumeMessage } from 'amqplib';
import type { Letter } from './dead-letter.ts';
import type { IncomingOrder } from './order-store.ts';
import type { FinalOutcome } from './patient-store.ts';
import { type Reading, readOrder, type Unacceptable } from './read-order.ts';

/** Messages that were read: orders to store, and those that can never be orders. */
export interface Batch {
  orders: (IncomingOrder & { message: ConsumeMessage })[];
  letters: Letter[];
}

/** What becomes of a batch that was stored. */
export interface Decision {
  /** Stored, now (then with its number) or by an earlier delivery: acknowledge. */
  done: { message: ConsumeMessage; messageId: string; orderId?: number }[];
  /** Orders that can never be stored: to the dead letters, then acknowledge. */
  letters: Letter[];
}

export function readBatch(messages: ConsumeMessage[], maxMessageBytes: number): Batch {
  const batch: Batch = { orders: [], letters: [] };
  for (const message of messages) {
    // A message without an id gets one, so that at least the attempts of this process count as the same message.
    const messageId: string = message.properties.messageId || randomUUID();
    const reading = readMessage(message.content, messageId, maxMessageBytes);
    if ('order' in reading) {
      batch.orders.push({ message, messageId, contentHash: hash('sha256', message.content, 'hex'), order: reading.order });
    } else {
      batch.letters.push({ message, id: messageId, why: reading.unacceptable });
    }
  }
  return batch;
}

function readMessage(content: Buffer, messageId: string, maxMessageBytes: number): Reading {
  if (messageId.includes('\0')) return { unacceptable: BAD_MESSAGE_ID };
  if (content.length <= maxMessageBytes) return readOrder(content);
  const reason = `The message has ${content.length} bytes; an order has at most ${maxMessageBytes}.`;
  return { unacceptable: { kind: 'too-large', reason } };
}

/**
 * The one place that decides what becomes of orders: it is stored, now or by an earlier delivery, or it never can be. The third
 * way, it cannot be stored now, is the patient store's: it does not return until it can.
 * `outcomes` are those of the batch's orders, in their order.
 */
export function decide({ orders }: Batch, outcomes: FinalOutcome[]): Decision {
  const decision: Decision = { done: [], letters: [] };
  for (const [index, { message, messageId }] of orders.entries()) {
    const outcome = outcomes[index]!;
    if (outcome === 'known') decision.done.push({ message, messageId });
    else if (outcome === 'conflict') decision.letters.push({ message, id: messageId, why: CONFLICT });
    else if ('stored' in outcome) decision.done.push({ message, messageId, orderId: outcome.stored });
    else decision.letters.push({ message, id: messageId, why: refused(outcome.refused) });
  }
  return decision;
}

function refused(reason: string): Unacceptable {
  return { kind: 'refused', reason: `The database refuses the order: ${reason}` };
}

const CONFLICT: Unacceptable = {
  kind: 'conflict',
  reason:
    'Another order with this message id is stored already, with another content: ' +
    'a client used the same Idempotency-Key for two different orders. This one was not stored.',
};

const BAD_MESSAGE_ID: Unacceptable = {
  kind: 'bad-message-id',
  reason: 'The message id contains a NUL character, which cannot be remembered.',
};
