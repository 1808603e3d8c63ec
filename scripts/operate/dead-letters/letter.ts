import { createHash } from 'node:crypto';
import type { ConsumeMessage, MessageProperties, Options } from 'amqplib';

export interface Letter {
  /** The message id; of a message without one, the beginning of its content's digest. */
  id: string;
  /** The beginning of the content's digest: tells letters with the same id apart. */
  digest: string;
  /** Why it is a dead letter, in a word: billing's, or RabbitMQ's when that moved it by itself. Empty when nobody said so. */
  kind: string;
  /** When it became one, if that is known. */
  failedAt: Date | undefined;
  content: Buffer;
  properties: MessageProperties;
  /** Takes it out of the box, for good. Done when the box is closed. */
  remove(): void;
}

/** Headers that tell why a message is a dead letter: it is none any more when it is replayed. */
const PARKING_HEADERS =
  /^x-(reason|reason-kind|failed-at|attempts|original-queue|death|first-death-.*|last-death-.*|delivery-count)$/;

export function letterOf({ content, properties }: ConsumeMessage, remove: () => void): Letter {
  const headers = properties.headers ?? {};
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 12);
  const failedAt = new Date(String(headers['x-failed-at'] ?? deathTime(headers) ?? ''));
  return {
    id: properties.messageId || `sha256-${digest}`,
    digest,
    kind: String(headers['x-reason-kind'] ?? headers['x-first-death-reason'] ?? ''),
    failedAt: Number.isNaN(failedAt.getTime()) ? undefined : failedAt,
    content,
    properties,
    remove,
  };
}

/** What RabbitMQ notes on a message that it moves by itself, in seconds: https://www.rabbitmq.com/docs/dlx#effects */
function deathTime(headers: Record<string, unknown>): string | undefined {
  const [death] = Array.isArray(headers['x-death']) ? headers['x-death'] : [];
  const seconds = death?.time?.value;
  return typeof seconds === 'number' ? new Date(seconds * 1000).toISOString() : undefined;
}

/** The properties of the message as it was before it became a dead letter. */
export function originalProperties({ properties }: Letter): Options.Publish {
  const headers = Object.entries(properties.headers ?? {}).filter(([name]) => !PARKING_HEADERS.test(name));
  return {
    ...properties,
    headers: Object.fromEntries(headers),
    userId: undefined, // RabbitMQ refuses one that is not the sender's
    persistent: true,
    mandatory: true,
  };
}
