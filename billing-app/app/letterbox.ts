import type { Logger } from '@crud-master/plumbing/log';
import type { ConsumeMessage } from 'amqplib';
import type { Activity } from './activity.ts';
import { deadLetterCopies, idsOf, isUnsendable, type Letter } from './dead-letter.ts';
import { createPatience } from './patience.ts';
import type { Session } from './session.ts';

/** Dead letters on their way at a time, as many as Rascal has channels for them. The inbox bounds how large they are together. */
const AT_ONCE = 50;

interface Dependencies {
  session: Pick<Session, 'lost' | 'publishDeadLetter' | 'declare'>;
  queue: string;
  /** Called once the broker has confirmed the copy of a message: acknowledge it. */
  delivered(message: ConsumeMessage): void;
  /** Called when `oldest` or `stuck` may have changed. */
  changed(): void;
  /** What cannot be delivered after it has aborted stays in the queue. */
  stop: AbortSignal;
  activity: Pick<Activity, 'park' | 'lettersStuck'>;
  log: Logger;
}

/** Moves messages to the dead letters while others are stored, so that no order waits behind them. */
export class Letterbox {
  readonly #dependencies: Dependencies;
  readonly #letters: Letter[] = [];
  /** Delivery tags of the letters that are not delivered yet. */
  readonly #pending = new Set<number>();
  readonly #patience = createPatience();
  #delivering: Promise<void> | undefined;
  #stuck = false;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** The delivery tag of the oldest letter that is not delivered yet, else Infinity. */
  oldest(): number {
    return Math.min(...this.#pending);
  }

  /** Whether letters cannot be written at the moment. */
  stuck(): boolean {
    return this.#stuck;
  }

  add(more: Letter[]): void {
    this.#letters.push(...more);
    for (const { message } of more) this.#pending.add(message.fields.deliveryTag);
    if (this.#letters.length > 0) this.#delivering ??= this.#deliverAll();
  }

  /** Resolves once all are delivered, or cannot be before the session ends. */
  async finished(): Promise<void> {
    return this.#delivering;
  }

  async #deliverAll(): Promise<void> {
    const { session, changed, stop, activity, log } = this.#dependencies;
    while (this.#letters.length > 0 && !session.lost.aborted) {
      const results = await Promise.allSettled(this.#letters.splice(0, AT_ONCE).map((letter) => this.#deliver(letter)));
      const failure = results.find((result) => result.status === 'rejected');
      if (failure && stop.aborted) break;
      if (failure && !this.#stuck) {
        log.error(
          { reason: (failure.reason as Error).message },
          'dead letters cannot be written now, they stay in the queue; still trying',
        );
      }
      this.#stuck = activity.lettersStuck = failure !== undefined;
      changed();
      if (failure) {
        await session.declare().catch(() => {});
        await this.#patience.wait(stop).catch(() => {});
      } else this.#patience.reset();
    }
    this.#delivering = undefined;
  }

  async #deliver(letter: Letter): Promise<void> {
    const { session, queue, delivered, activity, log } = this.#dependencies;
    try {
      await publish(letter, session, queue);
    } catch (error) {
      this.#letters.push(letter);
      throw error;
    }
    this.#pending.delete(letter.message.fields.deliveryTag);
    delivered(letter.message);
    activity.park(letter);
    const context = { ...idsOf(letter.message), message_id: letter.id };
    log.warn({ ...context, kind: letter.why.kind, reason: letter.why.reason }, 'message moved to the dead letters');
  }
}

/** Whole if possible, else cut. Rejects when the broker is the reason. */
async function publish(letter: Letter, session: Pick<Session, 'publishDeadLetter'>, queue: string): Promise<void> {
  const copies = deadLetterCopies(letter, queue);
  for (const [index, properties] of copies.entries()) {
    try {
      return await session.publishDeadLetter(letter.message.content, properties);
    } catch (error) {
      if (index === copies.length - 1 || !isUnsendable(error)) throw error;
    }
  }
}
