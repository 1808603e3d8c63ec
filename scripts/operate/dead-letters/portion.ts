import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Connection, PATIENCE } from './connection.ts';
import { type Letter, letterOf } from './letter.ts';

/** Milliseconds without a letter after which RabbitMQ is believed that there are no more. */
const SILENCE = 3000;

/** Letters that were read on one channel, in hand until it closes. */
export class Portion {
  readonly #connection: Connection;
  readonly #channel: ConfirmChannel;
  readonly #queue: string;
  #removed = false;

  constructor(connection: Connection, channel: ConfirmChannel, queue: string) {
    this.#connection = connection;
    this.#channel = channel;
    this.#queue = queue;
  }

  /** A consumer that gets as many letters as it may hold, and no more afterwards. Gives how many came. */
  async take(
    wanted: number,
    consumerTag: string,
    visitor: (letter: Letter) => void,
    isEmpty: () => Promise<boolean>,
  ): Promise<number> {
    let taken = 0;
    const whole = Promise.withResolvers<void>();
    whole.promise.catch(() => {}); // also when it fails before anybody waits for it
    const onMessage = (message: ConsumeMessage | null) => {
      try {
        if (!message) throw new Failure(`${this.#queue} was deleted.`);
        if (taken === wanted) return;
        visitor(letterOf(message, () => this.#remove(message)));
        if (++taken === wanted) whole.resolve();
      } catch (error) {
        whole.reject(error);
      }
    };
    await this.#unlessLost(() => this.#channel.prefetch(wanted));
    await this.#unlessLost(() => this.#channel.consume(this.#queue, onMessage, { consumerTag }));
    for (let since = Date.now(), before = taken; taken < wanted; before = taken) {
      await this.#unlessLost(() => Promise.race([whole.promise, sleep(100)]));
      if (taken > before) since = Date.now();
      // Somebody else has purged the queue, say.
      else if (Date.now() - since > SILENCE && (await isEmpty()) && taken === before) break;
      else if (Date.now() - since > PATIENCE) throw new Failure('RabbitMQ does not deliver the letters that it has: try again.');
    }
    await this.#unlessLost(() => this.#channel.cancel(consumerTag));
    return taken;
  }

  #remove({ fields }: ConsumeMessage): void {
    this.#removed = true;
    this.#channel.ack({ fields } as ConsumeMessage);
  }

  /**
   * Ends when every removal is noted. Beyond 32 at a time, RabbitMQ keeps acknowledgements back in the channel, and forgets
   * them when that closes. A consumer is noted in the queue behind what was sent before: after the first, what was kept back
   * is sent; after the second it is noted.
   */
  async settle(nextConsumer: () => string): Promise<void> {
    if (!this.#removed) return;
    this.#removed = false;
    await this.#unlessLost(() => this.#channel.prefetch(1));
    for (let round = 0; round < 3; round++) {
      const consumerTag = nextConsumer();
      // As long as it takes: RabbitMQ may have thousands of removals to note on a busy computer.
      await this.#unlessLost(() => this.#channel.consume(this.#queue, () => {}, { consumerTag }));
      await this.#unlessLost(() => this.#channel.cancel(consumerTag));
    }
  }

  /** Puts what is still in hand back into its place. A lost connection has done that already. */
  async close(): Promise<void> {
    await this.#unlessLost(() => this.#channel.close()).catch(() => {});
  }

  /** A closed channel throws at once; why it is closed is what counts. */
  #unlessLost<T>(work: () => PromiseLike<T>): Promise<T> {
    return this.#connection.unlessLost(Promise.resolve().then(work));
  }
}
