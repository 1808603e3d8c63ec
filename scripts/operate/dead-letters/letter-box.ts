import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Connection, type Environment, openConnection, within } from './connection.ts';
import type { Letter } from './letter.ts';
import { Portion } from './portion.ts';

/** Letters for one consumer: RabbitMQ reads them from its disk at one go, and answers nobody meanwhile. */
const MAX_IN_HAND = 20_000;
/**
 * The same, where letters may be removed. For each, RabbitMQ goes through all that are in hand on its channel from the oldest on:
 * a channel holds so few that 10,000 of 100,000 are removed in seconds, not in minutes.
 */
const MAX_TO_REMOVE = 2000;
/** Milliseconds that an operator waits for another one. */
const PATIENCE_WITH_OTHERS = 30_000;

/**
 * The queue of dead letters, open to one operator. What was read is in this operator's hand and goes back to its place
 * when the box is closed, also by a kill.
 */
export class LetterBox {
  readonly connection: Connection;
  readonly #queue: string;
  readonly #portions: Portion[] = [];
  #consumers = 0;

  private constructor(environment: Environment, connection: Connection) {
    this.#queue = environment.BILLING_DEAD_LETTER_QUEUE!;
    this.connection = connection;
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
  async read(wanted: number, visitor: (letter: Letter) => void, { toRemove = false } = {}): Promise<void> {
    const most = toRemove ? MAX_TO_REMOVE : MAX_IN_HAND;
    for (let left = wanted; left > 0; left -= most) {
      const turn = Math.min(left, most);
      const portion = toRemove || !this.#portions[0] ? await this.#nextPortion() : this.#portions[0];
      const isEmpty = async () => (await this.count()) === 0;
      if ((await portion.take(turn, this.#nextConsumer(), visitor, isEmpty)) < turn) return;
    }
  }

  async #nextPortion(): Promise<Portion> {
    const portion = new Portion(this.connection, await this.connection.openChannel(), this.#queue);
    this.#portions.push(portion);
    return portion;
  }

  async close(): Promise<void> {
    const portions = this.#portions.splice(0);
    try {
      for (const portion of portions) await portion.settle(() => this.#nextConsumer());
      for (const portion of portions) await portion.close(); // one after the other: so all letters keep their order
    } finally {
      await this.connection.close();
    }
  }

  /** RabbitMQ gives a channel's letters back consumer by consumer, by their names (32 of them at least): so all keep their order. */
  #nextConsumer(): string {
    return `dead-letters-${String(this.#consumers++).padStart(6, '0')}`;
  }

  /** RabbitMQ says 0 also when the queue does not answer it within moments, being busy: asked again, it does not. */
  async #look() {
    const { channel, unlessLost } = this.connection;
    for (let left = 4; ; await sleep(50)) {
      const found = await unlessLost(within(channel.checkQueue(this.#queue)));
      if (found.messageCount > 0 || found.consumerCount > 0 || --left === 0) return found;
    }
  }
}
