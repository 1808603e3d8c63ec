import type { EventEmitter } from 'node:events';
import {
  type BrokerAddress,
  type BrokerConnection,
  connectBroker,
  farewell,
  openChannel,
} from '@crud-master/messaging/broker-connection';
import type { ConsumeMessage, Message, Options } from 'amqplib';
import type { Channel } from 'amqplib/callback_api';
import { DEAD_LETTER_PUBLICATION, topology } from './topology.ts';

export interface OrdersBroker extends BrokerAddress {
  queue: string;
  deadLetterQueue: string;
}

/** One uninterrupted consumption of the queue, from the declaration of the topology until something of it is gone. */
export interface Session {
  /** Aborted, with the reason, when messages in hand can no longer be acknowledged: the broker will deliver them again. */
  readonly lost: AbortSignal;
  /** Ends the session: everything that is in hand goes back to the queue. */
  lose(reason: Error): void;
  /** Without effect in a session that is lost or closed. */
  ack(message: ConsumeMessage, upTo?: { allEarlier: boolean }): void;
  /** The queue gets it back and delivers it again. Without effect in a session that is lost or closed. */
  giveBack(message: ConsumeMessage): void;
  /** Resolves once the broker has confirmed that a queue holds it, and rejects otherwise. */
  publishDeadLetter(content: Buffer, properties: Options.Publish): Promise<void>;
  /** Declares exchanges, queues and bindings again. */
  declare(): Promise<void>;
  /** No delivery comes after this. */
  cancel(): Promise<void>;
  /** Gives back to the queue what was not acknowledged. */
  close(): Promise<void>;
}

/**
 * Rascal declares the topology, makes the connections and publishes dead letters. Orders are consumed on a plain channel of a
 * connection of their own, for three reasons:
 * - Rascal's subscription reads headers that anyone can send. An `x-death` that is no list throws inside it and breaks the
 *   connection, again at every redelivery, and a `rascal` header makes it decrypt, or discard, the message.
 * - It acknowledges one message, or all in hand, stored or not. One by one, an order costs half as much again
 *   (docs/decisions/messages-in-hand.md).
 * - RabbitMQ stops reading from connections that publish while it is short of memory or disk; acknowledgements must still arrive.
 *
 * Rejects when the broker is away, or refuses what is asked of it.
 */
export async function openSession(
  address: OrdersBroker,
  prefetch: number,
  deliver: (message: ConsumeMessage) => void,
): Promise<Session> {
  const link = await connectBroker(address, topology(address));
  const { lost, lose } = link;
  const { channel, consumerTag } = await consumeQueue(link, address.queue, prefetch, deliver).catch(async (error) => {
    await link.close();
    throw error;
  });
  let closed: Promise<void> | undefined;

  return {
    lost,
    lose,
    ack(message, { allEarlier } = { allEarlier: false }) {
      if (!lost.aborted) channel.ack(message, allEarlier);
    },
    giveBack(message) {
      if (!lost.aborted) channel.nack(message, false, true);
    },
    publishDeadLetter: (content, options) => publishDeadLetter(link, content, options),
    declare: async () => (await connectBroker(address, topology(address))).close(),
    async cancel() {
      if (!lost.aborted) await farewell(new Promise((resolve) => channel.cancel(consumerTag, resolve)));
    },
    close() {
      closed ??= (async () => {
        const open = !lost.aborted;
        lose(new Error('the session was closed'));
        // The broker answers only after it has taken every acknowledgement sent before.
        if (open) await farewell(new Promise((resolve) => channel.close(resolve)));
        await link.close();
      })();
      return closed;
    },
  };
}

async function consumeQueue(
  { connection, lose }: BrokerConnection,
  queue: string,
  prefetch: number,
  deliver: (message: ConsumeMessage) => void,
): Promise<{ channel: Channel; consumerTag: string }> {
  const channel = await openChannel<Channel>((opened) => connection.createChannel(opened), lose);
  channel.prefetch(prefetch);
  const receive = (message: Message | null) =>
    message ? deliver(message as ConsumeMessage) : lose(new Error('the broker cancelled the consumer: was the queue deleted?'));
  return new Promise((resolve, reject) => {
    channel.consume(queue, receive, {}, (error, ok) =>
      error ? reject(error) : resolve({ channel, consumerTag: ok.consumerTag }),
    );
  });
}

async function publishDeadLetter({ broker, lost }: BrokerConnection, content: Buffer, options: Options.Publish): Promise<void> {
  lost.throwIfAborted();
  const publication: EventEmitter = await broker.publish(DEAD_LETTER_PUBLICATION, content, { options });
  const settled = new AbortController();
  await new Promise<void>((resolve, reject) => {
    // A message that reached no queue is returned first, and confirmed then.
    publication.on('return', () => reject(new Error('the dead-letter queue is missing')));
    publication.on('success', () => resolve());
    publication.on('error', reject);
    publication.on('close', () => reject(new Error('the channel was closed')));
    lost.addEventListener('abort', () => reject(lost.reason), { signal: settled.signal });
    if (lost.aborted) reject(lost.reason);
  }).finally(() => settled.abort());
}
