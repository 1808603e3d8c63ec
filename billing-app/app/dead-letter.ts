import type { ConsumeMessage, Options } from 'amqplib';
import type { Unacceptable } from './order.ts';

/**
 * The properties of the copy that goes to the dead letters: those of the original, and headers that tell the operator why.
 * Two properties would do harm there and are kept as headers: an `expiration` would delete the letter,
 * and RabbitMQ refuses a `user_id` other than the publisher's.
 */
export function deadLetterProperties(message: ConsumeMessage, id: string, why: Unacceptable, queue: string): Options.Publish {
  const { expiration, userId, headers, deliveryMode: _, ...properties } = message.properties;
  const { 'x-delivery-count': _count, ...original } = headers ?? {};
  return {
    ...properties,
    messageId: id,
    headers: {
      ...original,
      ...(expiration !== undefined && { 'x-original-expiration': expiration }),
      ...(userId !== undefined && { 'x-original-user-id': userId }),
      'x-reason': why.reason,
      'x-reason-kind': why.kind,
      'x-failed-at': new Date().toISOString(),
      'x-attempts': deliveriesBefore(message) + 1,
      'x-original-queue': queue,
    },
  };
}

/** How often the message was delivered before without an answer. Other queues than quorum queues tell only once or more. */
export function deliveriesBefore(message: ConsumeMessage): number {
  return deliveryCount(message) ?? (message.fields.redelivered ? 1 : 0);
}

/**
 * Whether the message may be what ended the process that had it: delivered twice without an answer, or,
 * where the queue does not count, once. Most suspects are innocent, and were only near when something was killed.
 */
export function isSuspect(message: ConsumeMessage): boolean {
  const count = deliveryCount(message);
  return count === undefined ? message.fields.redelivered : count >= 2;
}

function deliveryCount({ properties }: ConsumeMessage): number | undefined {
  const count: unknown = properties.headers?.['x-delivery-count'];
  return typeof count === 'number' && Number.isInteger(count) && count >= 0 ? count : undefined;
}
