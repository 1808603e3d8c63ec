import type { Logger } from '@crud-master/plumbing/log';
import type { ConsumeMessage } from 'amqplib';
import { deadLetterCopies, isUnsendable, type Letter, requestId } from './dead-letter.ts';
import { createPatience } from './patience.ts';
import type { Session } from './session.ts';

/** Dead letters on their way at a time: they may be large. */
const AT_ONCE = 10;

interface Dependencies {
  session: Pick<Session, 'lost' | 'publishDeadLetter' | 'declare'>;
  queue: string;
  /** Called once the broker has confirmed the copy of a message: acknowledge it. */
  delivered(message: ConsumeMessage): void;
  /** Called when `oldest` or `stuck` may have changed. */
  changed(): void;
  /** What cannot be delivered after it has aborted stays in the queue. */
  stop: AbortSignal;
  log: Logger;
}

/**
 * Moves messages to the dead letters while others are stored, so that no order waits behind them.
 * Longer than 40 lines: one state, and all that may touch it.
 */
export function createLetterbox({ session, queue, delivered, changed, stop, log }: Dependencies) {
  const letters: Letter[] = [];
  /** Delivery tags of the letters that are not delivered yet. */
  const pending = new Set<number>();
  const patience = createPatience();
  let delivering: Promise<void> | undefined;
  let stuck = false;

  async function deliverAll(): Promise<void> {
    while (letters.length > 0 && !session.lost.aborted) {
      const results = await Promise.allSettled(letters.splice(0, AT_ONCE).map(deliver));
      const failure = results.find((result) => result.status === 'rejected');
      if (failure && stop.aborted) break;
      if (failure && !stuck) {
        log.error(
          { reason: (failure.reason as Error).message },
          'dead letters cannot be written now, they stay in the queue; still trying',
        );
      }
      stuck = failure !== undefined;
      changed();
      if (stuck) {
        await session.declare().catch(() => {});
        await patience.wait(stop).catch(() => {});
      } else patience.reset();
    }
    delivering = undefined;
  }

  async function deliver(letter: Letter): Promise<void> {
    try {
      await publish(letter, session, queue);
    } catch (error) {
      letters.push(letter);
      throw error;
    }
    pending.delete(letter.message.fields.deliveryTag);
    delivered(letter.message);
    const context = { request_id: requestId(letter.message), message_id: letter.id };
    log.warn({ ...context, kind: letter.why.kind, reason: letter.why.reason }, 'message moved to the dead letters');
  }

  return {
    /** The delivery tag of the oldest letter that is not delivered yet, else Infinity. */
    oldest: () => Math.min(...pending),
    /** Whether letters cannot be written at the moment. */
    stuck: () => stuck,
    add(more: Letter[]): void {
      letters.push(...more);
      for (const { message } of more) pending.add(message.fields.deliveryTag);
      if (letters.length > 0) delivering ??= deliverAll();
    },
    /** Resolves once all are delivered, or cannot be before the session ends. */
    finished: async () => delivering,
  };
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

export type Letterbox = ReturnType<typeof createLetterbox>;
