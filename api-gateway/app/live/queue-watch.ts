import { type BrokerConnection, openChannel } from '@crud-master/messaging/broker-connection';
import type { Channel } from 'amqplib/callback_api';

export interface QueueCount {
  /** Messages that wait; not those that a consumer has in hand. */
  messages: number;
  consumers: number;
}

/**
 * Asks for the depth of queues by passive declarations, which need no permission (https://www.rabbitmq.com/docs/access-control).
 * On a channel of their own, one for each queue: the broker closes it when the queue is missing.
 */
export class QueueWatch {
  readonly #channels = new Map<string, { channel: Promise<Channel>; of: BrokerConnection }>();
  readonly #connection: () => BrokerConnection | undefined;

  /** `connection` gives the one that stands now. */
  constructor(connection: () => BrokerConnection | undefined) {
    this.#connection = connection;
  }

  /** Rejects when the broker is away or has no such queue, and waits for ever for one that is frozen. */
  async count(queue: string): Promise<QueueCount> {
    const channel = await this.#open(queue);
    return new Promise((resolve, reject) => {
      channel.checkQueue(queue, (error, ok) =>
        error ? reject(error) : resolve({ messages: ok.messageCount, consumers: ok.consumerCount }),
      );
    });
  }

  #open(queue: string): Promise<Channel> {
    const of = this.#connection();
    if (!of) return Promise.reject(new Error('the broker is not connected'));
    const open = this.#channels.get(queue);
    if (open?.of === of) return open.channel;
    const forget = () => {
      if (this.#channels.get(queue)?.channel === channel) this.#channels.delete(queue);
    };
    const channel = openChannel<Channel>((opened) => of.connection.createChannel(opened), forget);
    channel.catch(forget);
    this.#channels.set(queue, { channel, of });
    return channel;
  }
}
