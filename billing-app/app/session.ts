import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeMessage, Message, Options } from 'amqplib';
import type { Channel, Connection } from 'amqplib/callback_api.js';
import rascal from 'rascal';
import { type BrokerAddress, DEAD_LETTER_PUBLICATION, topology } from './topology.ts';

/** Milliseconds that a polite good-bye may take before the sockets are destroyed: a frozen broker never answers it. */
const FAREWELL = 1000;

/** One uninterrupted consumption of the queue, from the declaration of the topology until something of it is gone. */
export interface Session {
  /** Aborted, with the reason, when messages in hand can no longer be acknowledged: the broker will deliver them again. */
  readonly lost: AbortSignal;
  /** Ends the session: everything that is in hand goes back to the queue. */
  lose(reason: Error): void;
  /** Without effect in a lost session. */
  ack(message: ConsumeMessage, upTo?: { allEarlier: boolean }): void;
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
 * - It acknowledges messages one by one, which costs as much as storing them.
 * - RabbitMQ stops reading from connections that publish while it is short of memory or disk; acknowledgements must still arrive.
 *
 * Rejects when the broker is away, or refuses what is asked of it.
 */
export async function openSession(
  address: BrokerAddress,
  prefetch: number,
  deliver: (message: ConsumeMessage) => void,
): Promise<Session> {
  const lost = new AbortController();
  const lose = (error: Error) => lost.abort(error);
  const sockets = new AbortController();
  const broker = await createBroker(address, sockets);
  broker.on('error', lose);
  broker.on('disconnect', () => lose(new Error('the connection to the broker was closed')));

  let connection: Connection | undefined;
  let channel: Channel;
  let consumer: string;
  let closed: Promise<void> | undefined;
  try {
    const opened = (await broker.connect(address.vhost)) as unknown as Connection;
    connection = opened;
    connection.on('error', lose);
    connection.on('close', () => lose(new Error('the connection to the broker was closed')));
    channel = await new Promise((resolve, reject) =>
      opened.createChannel((error, made) => (error ? reject(error) : resolve(made))),
    );
    channel.on('error', lose);
    channel.on('close', () => lose(new Error('the channel was closed')));
    channel.prefetch(prefetch);
    consumer = await new Promise((resolve, reject) => {
      const receive = (message: Message | null) =>
        message
          ? deliver(message as ConsumeMessage)
          : lose(new Error('the broker cancelled the consumer: was the queue deleted?'));
      channel.consume(address.queue, receive, {}, (error, ok) => (error ? reject(error) : resolve(ok.consumerTag)));
    });
  } catch (error) {
    await leave();
    throw error;
  }

  async function giveBack(): Promise<void> {
    if (lost.signal.aborted) return;
    // The broker answers only after it has taken every acknowledgement sent before.
    await within(FAREWELL, new Promise((resolve) => channel.close(resolve)));
  }

  async function leave(): Promise<void> {
    const ended = new Promise((resolve) => (connection ? connection.close(resolve) : resolve(undefined)));
    await within(FAREWELL, Promise.allSettled([ended, broker.shutdown()]));
    sockets.abort();
  }

  return {
    lost: lost.signal,
    lose,
    ack(message, { allEarlier } = { allEarlier: false }) {
      if (!lost.signal.aborted) channel.ack(message, allEarlier);
    },
    async publishDeadLetter(content, options) {
      lost.signal.throwIfAborted();
      const publication: EventEmitter = await broker.publish(DEAD_LETTER_PUBLICATION, content, { options });
      const settled = new AbortController();
      await new Promise<void>((resolve, reject) => {
        // A message that reached no queue is returned first, and confirmed then.
        publication.on('return', () => reject(new Error('the dead-letter queue is missing')));
        publication.on('success', () => resolve());
        publication.on('error', reject);
        publication.on('close', () => reject(new Error('the channel was closed')));
        lost.signal.addEventListener('abort', () => reject(lost.signal.reason), { signal: settled.signal });
      }).finally(() => settled.abort());
    },
    async declare() {
      const own = new AbortController();
      const declaring = await createBroker(address, own);
      await within(FAREWELL, declaring.shutdown());
      own.abort();
    },
    async cancel() {
      if (lost.signal.aborted) return;
      await within(FAREWELL, new Promise((resolve) => channel.cancel(consumer, resolve)));
    },
    close() {
      closed ??= giveBack().then(leave);
      return closed;
    },
  };
}

/** Resolves when `attempt` has ended, well or badly, or when it has taken too long. */
async function within(milliseconds: number, attempt: Promise<unknown>): Promise<void> {
  await Promise.race([attempt.catch(() => {}), sleep(milliseconds, undefined, { ref: false })]);
}

async function createBroker(address: BrokerAddress, sockets: AbortController) {
  try {
    return await rascal.BrokerAsPromised.create(topology(address, sockets.signal));
  } catch (error) {
    // A broker that was refused something keeps its connection and a timer: neither may pile up while we try again.
    sockets.abort();
    const unfinished = error as Error & { broker?: keyof Error };
    const broker = unfinished.broker && (unfinished[unfinished.broker] as unknown as rascal.BrokerAsPromised);
    await broker?.shutdown().catch(() => {});
    throw error;
  }
}
