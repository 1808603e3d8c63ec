import { parseTraceparent } from '@crud-master/plumbing/trace-context';
import type { ConsumeMessage, Options } from 'amqplib';
import type { Unacceptable } from './read-order.ts';

/** A message on its way to the dead letters. */
export interface Letter {
  message: ConsumeMessage;
  /** The message's id, or the one it was given. */
  id: string;
  why: Unacceptable;
}

/** Bytes that AMQP leaves for a text such as the message id. */
const SHORT_STRING = 255;

/**
 * The properties of the copy that goes to the dead letters: those of the original, and headers that tell the operator why.
 * Two properties would do harm there and are kept as headers: an `expiration` would delete the letter,
 * and RabbitMQ refuses a `user_id` other than the publisher's.
 *
 * Others can send what amqplib cannot encode, or RabbitMQ does not take from us (more headers than 64 KiB, text that is not
 * UTF-8, an odd `CC`). So there are three copies, to be tried in turn: the whole one, one without the sender's headers, and one
 * without any property of the sender's but the id. The last two say so in `x-cut`.
 */
export function deadLetterCopies({ message, id, why }: Letter, queue: string): Options.Publish[] {
  const { expiration, userId, headers, deliveryMode: _, ...properties } = message.properties;
  const { 'x-delivery-count': _count, ...original } = headers ?? {};
  const messageId = shortString(id);
  const account = {
    'x-reason': why.reason,
    'x-reason-kind': why.kind,
    'x-failed-at': new Date().toISOString(),
    'x-attempts': deliveriesBefore(message) + 1,
    'x-original-queue': queue,
  };
  const moved = {
    ...(expiration !== undefined && { 'x-original-expiration': expiration }),
    ...(userId !== undefined && { 'x-original-user-id': userId }),
  };
  return [
    { ...properties, messageId, headers: { ...original, ...moved, ...account } },
    { ...properties, messageId, headers: { ...moved, ...account, 'x-cut': 'headers' } },
    { messageId, headers: { ...account, 'x-cut': 'headers, properties' } },
  ];
}

/** Whether a copy cannot be sent because of what is in it: amqplib's encoder throws these, RabbitMQ answers 406. */
export function isUnsendable(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || (error as { code?: unknown } | null)?.code === 406;
}

/** For the log: the sender's id of the request that the message belongs to, and of its trace where that is another. */
export function idsOf({ properties }: ConsumeMessage): { request_id: string | undefined; trace_id?: string } {
  const id: unknown = properties.headers?.['x-request-id'];
  const request_id = typeof id === 'string' ? id.slice(0, 64) : undefined;
  const traceparent: unknown = properties.headers?.traceparent;
  if (request_id !== undefined && typeof traceparent === 'string' && traceparent.startsWith(request_id, 3)) return { request_id };
  const trace = parseTraceparent(traceparent);
  return trace ? { request_id, trace_id: trace.traceId } : { request_id };
}

/** How often the message was delivered before without an answer. Other queues than quorum queues tell only once or more. */
function deliveriesBefore({ fields, properties }: ConsumeMessage): number {
  const count: unknown = properties.headers?.['x-delivery-count'];
  return Number.isSafeInteger(count) && Number(count) >= 0 ? Number(count) : Number(fields.redelivered);
}

function shortString(text: string): string {
  return new TextDecoder().decode(Buffer.from(text).subarray(0, SHORT_STRING)).replace(/\uFFFD$/, '');
}
