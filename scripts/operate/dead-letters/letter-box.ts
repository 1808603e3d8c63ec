import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeMessage, Options } from 'amqplib';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Connection, type Environment, openConnection, PATIENCE, within } from './connection.ts';
import { type Letter, letterOf, originalProperties } from './letter.ts';

/** The only exchange that leads to the queue of orders. */
const ORDERS_EXCHANGE = 'billing';
/** Letters for one consumer: RabbitMQ reads them from its disk at one go, and answers nobody meanwhile. */
const MAX_IN_HAND = 20_000;
/** Milliseconds without a letter after which RabbitMQ is believed that there are no more. */
const SILENCE = 3000;
/** Milliseconds that an operator waits for another one. */
const PATIENCE_WITH_OTHERS = 30_000;

/**
 * The queue of dead letters, open to one operator. What was read is in this operator's hand and goes back to its place
 * when the box is closed, also by a kill.
 */
export class LetterBox {
  readonly #queue: string;
  readonly #orders: string;
  readonly #connection: Connection;
  #consumers = 0;
  #unroutable = false;
  #removed = false;

  private constructor(environment: Environment, connection: Connection) {
    this.#queue = environment.BILLING_DEAD_LETTER_QUEUE!;
    this.#orders = environment.BILLING_QUEUE!;
    this.#connection = connection;
    connection.channel.on('return', () => {
      this.#unroutable = true;
    });
  }

  /** Waits while another operator has letters in hand: neither would see them all. */
  static async open(environment: Environment, onWaiting: () => void): Promise<LetterBox> {
    const box = new LetterBox(environment, await openConnection(environment));
    try {
      const started = Date.now();
      for (let told = false; (await box.#look()).consumerCount > 0; await sleep(50)) {
        if (!told && Date.now() - started > 1000) {
          onWaiting();
          told = true;
        }
        if (Date.now() - started > PATIENCE_WITH_OTHERS)
          throw new Failure(
            `Another program reads ${box.#queue}, perhaps npm run dead-letters elsewhere: try again when it has ended.`,
          );
      }
      return box;
    } catch (error) {
      await box.close();
      throw error;
    }
  }

  /** Letters that are there and not in this operator's hand. */
  async count(): Promise<number> {
    return (await this.#look()).messageCount;
  }

  /**
   * Shows the next `wanted` letters to `visitor`, in their order, or as many as there are. All of them stay in hand; the
   * contents are the visitor's to keep or to forget.
   */
  async read(wanted: number, visitor: (letter: Letter) => void): Promise<void> {
    for (let left = wanted; left > 0; left -= MAX_IN_HAND) {
      const turn = Math.min(left, MAX_IN_HAND);
      if ((await this.#take(turn, visitor)) < turn) return;
    }
  }

  /** A consumer that gets as many letters as it may hold, and no more afterwards. Gives how many came. */
  async #take(wanted: number, visitor: (letter: Letter) => void): Promise<number> {
    const { channel, unlessLost } = this.#connection;
    const consumerTag = this.#nextConsumer();
    let taken = 0;
    const whole = Promise.withResolvers<void>();
    whole.promise.catch(() => {}); // also when it fails before anybody waits for it
    const onMessage = (message: ConsumeMessage | null) => {
      try {
        if (!message) throw new Failure(`${this.#queue} was deleted.`);
        if (taken === wanted) return;
        visitor(letterOf(message));
        if (++taken === wanted) whole.resolve();
      } catch (error) {
        whole.reject(error);
      }
    };
    await channel.prefetch(wanted);
    await unlessLost(channel.consume(this.#queue, onMessage, { consumerTag }));
    for (let since = Date.now(), before = taken; taken < wanted; before = taken) {
      await unlessLost(Promise.race([whole.promise, sleep(100)]));
      if (taken > before) since = Date.now();
      // Somebody else has purged the queue, say.
      else if (Date.now() - since > SILENCE && (await this.count()) === 0 && taken === before) break;
      else if (Date.now() - since > PATIENCE) throw new Failure('RabbitMQ does not deliver the letters that it has: try again.');
    }
    await unlessLost(channel.cancel(consumerTag));
    return taken;
  }

  remove(deliveryTag: number): void {
    this.#removed = true;
    this.#connection.channel.ack({ fields: { deliveryTag } } as ConsumeMessage);
  }

  /**
   * Puts the message back into the queue of orders, with its id and its bytes, and removes the letter once the broker has
   * confirmed it there. Who is killed in between leaves it in both queues: billing knows the id and stores the order once.
   * Gives what could not be sent along: headers that amqplib cannot write, although it can read them.
   */
  async replay(letter: Letter): Promise<'headers' | undefined> {
    const properties = originalProperties(letter);
    let cut: 'headers' | undefined;
    const confirmed = new Promise<void>((resolve, reject) => {
      const publish = (options: Options.Publish) =>
        this.#connection.channel.publish(ORDERS_EXCHANGE, this.#orders, letter.content, options, (error) =>
          error ? reject(new Failure(`${this.#orders} is full: letter ${letter.id} stays where it is.`)) : resolve(),
        );
      try {
        publish(properties);
      } catch (error) {
        if (!(error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError)) throw error;
        cut = 'headers';
        const { messageId, contentType, contentEncoding, persistent, mandatory } = properties;
        publish({ messageId, contentType, contentEncoding, persistent, mandatory, headers: { 'x-cut': cut } });
      }
    });
    const late = `RabbitMQ does not confirm letter ${letter.id}, which stays where it is: is it out of memory or disk?`;
    await this.#connection.unlessLost(within(confirmed, late));
    // What RabbitMQ could not deliver it returns before it confirms it.
    if (this.#unroutable)
      throw new Failure(`There is no ${this.#orders}: letter ${letter.id} stays where it is. Start billing, which makes it.`);
    this.remove(letter.deliveryTag);
    return cut;
  }

  async close(): Promise<void> {
    const removed = this.#removed;
    this.#removed = false;
    try {
      if (removed) await this.#settle();
    } finally {
      await this.#connection.close();
    }
  }

  /**
   * Beyond 32 at a time, RabbitMQ keeps acknowledgements back in the channel, and forgets them when that closes. A consumer is
   * noted in the queue behind what was sent before: after the first, what was kept back is sent; after the second it is noted.
   */
  async #settle(): Promise<void> {
    const { channel, unlessLost } = this.#connection;
    await channel.prefetch(1);
    for (let round = 0; round < 3; round++) {
      const consumerTag = this.#nextConsumer();
      // As long as it takes: ten thousand removals take RabbitMQ a minute on a busy computer.
      await unlessLost(channel.consume(this.#queue, () => {}, { consumerTag }));
      await unlessLost(channel.cancel(consumerTag));
    }
  }

  /** RabbitMQ gives letters back consumer by consumer, by their names (32 of them at least): so all keep their order. */
  #nextConsumer(): string {
    return `dead-letters-${String(this.#consumers++).padStart(6, '0')}`;
  }

  /** RabbitMQ says 0 also when the queue does not answer it within moments, being busy: asked again, it does not. */
  async #look() {
    const { channel, unlessLost } = this.#connection;
    for (let left = 4; ; await sleep(50)) {
      const found = await unlessLost(within(channel.checkQueue(this.#queue)));
      if (found.messageCount > 0 || found.consumerCount > 0 || --left === 0) return found;
    }
  }
}
