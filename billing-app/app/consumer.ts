import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@crud-master/plumbing/log';
import type { ConsumeMessage } from 'amqplib';
import { deadLetterProperties } from './dead-letter.ts';
import { createPatience } from './patience.ts';
import type { Session } from './session.ts';
import { type Batch, type Outcomes, requestId, type Settle, type Settlement } from './settle.ts';

/** Orders stored by one statement at most: more make it longer, not faster. */
const BATCH = 1000;
/** Dead letters on their way at a time: they may be large. */
const LETTERS = 10;
/** Milliseconds between two attempts to reach a broker that is away. */
const RETRY = 500;
/** Milliseconds that a stop gives to what is in hand, before that goes back to the queue. */
const FINISH = 5000;
/** Bytes in hand above which the session is given up, and the next one takes few messages at a time. */
const MAX_BYTES_IN_HAND = 67_108_864;
const FEW = 4;
/** Ordinary messages in a row after which many are taken at a time again. */
const CALM = 100;

interface Dependencies {
  openSession(prefetch: number, deliver: (message: ConsumeMessage) => void): Promise<Session>;
  settle: Settle;
  queue: string;
  prefetch: number;
  maxMessageBytes: number;
  log: Logger;
}

export interface Consumer {
  /** Finishes the batch in hand, when the database lets it, and gives the rest back to the queue. */
  close(): Promise<void>;
}

/** Consumes the queue for as long as it is not closed: session after session, batch after batch. */
export function consume({ openSession, settle, queue, prefetch, maxMessageBytes, log }: Dependencies): Consumer {
  const closing = new AbortController();
  let current: Session | undefined;
  /** Above 0 after a flood of large messages: RabbitMQ limits what is in hand by number only. */
  let caution = 0;

  const running = (async () => {
    for (let away = false; !closing.signal.aborted; ) {
      const inbox = createInbox();
      try {
        const session = await openSession(caution > 0 ? FEW : prefetch, inbox.deliver);
        log.info({ queue }, 'consuming');
        away = false;
        current = session;
        await workThrough(session, inbox);
        await session.close();
        const reason = message(inbox.enough.reason ?? session.lost.reason);
        if (!closing.signal.aborted) log.warn({ reason }, 'no longer consuming, trying again');
      } catch (error) {
        if (!away) log.warn({ reason: message(error) }, 'broker cannot be used, trying on');
        away = true;
      }
      await sleep(RETRY, undefined, { signal: closing.signal }).catch(() => {});
    }
  })();

  function createInbox() {
    const enough = new AbortController();
    let bytes = 0;
    let inHand = 0;
    let wake = () => {};
    const waiting: ConsumeMessage[] = [];
    return {
      /** Aborted, with the reason, when the session is to end: what was taken is finished, what comes now goes back to the queue. */
      enough: enough.signal,
      open(stop: AbortSignal): void {
        stop.addEventListener('abort', () => wake());
      },
      deliver(message: ConsumeMessage): void {
        if (enough.signal.aborted) return;
        const size = message.content.length;
        bytes += size;
        inHand++;
        waiting.push(message);
        if (size > maxMessageBytes) caution = CALM;
        else if (caution > 0 && --caution === 0) enough.abort(new Error('the large messages are through'));
        if (bytes > MAX_BYTES_IN_HAND && inHand > FEW) {
          waiting.length = 0;
          enough.abort(new Error(`${inHand} messages in hand have ${bytes} bytes: taking fewer at a time`));
        }
        wake();
      },
      holdsBatch: () => waiting.length >= BATCH,
      settled(messages: ConsumeMessage[]): void {
        inHand -= messages.length;
        for (const { content } of messages) bytes -= content.length;
      },
      /** The next messages, in their order; none when the signal aborts. */
      async take(stop: AbortSignal): Promise<ConsumeMessage[]> {
        while (waiting.length === 0 && !stop.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return stop.aborted ? [] : waiting.splice(0, BATCH);
      },
    };
  }

  async function workThrough(session: Session, inbox: ReturnType<typeof createInbox>): Promise<void> {
    const stop = AbortSignal.any([session.lost, closing.signal]);
    const takeNoMore = AbortSignal.any([stop, inbox.enough]);
    inbox.open(takeNoMore);
    /** Stored, but not acknowledged yet: a letter before them is on its way. */
    const owed: ConsumeMessage[] = [];
    const letters = createLetterbox(session, inbox.settled, acknowledge);

    /**
     * One acknowledgement covers all messages up to the oldest letter. Those behind it wait for the letter, which takes
     * milliseconds: one for each costs as much as storing them. That is for letters that cannot be written, or not as fast as
     * orders are stored: then half of what may be in hand waits already.
     */
    function acknowledge(): void {
      const limit = letters.oldest();
      const covered = owed.findLastIndex(({ fields }) => fields.deliveryTag < limit) + 1;
      if (covered > 0) session.ack(owed[covered - 1]!, { allEarlier: true });
      const alone = letters.stuck() || owed.length - covered >= prefetch / 2 ? owed.length : covered;
      for (const message of owed.slice(covered, alone)) session.ack(message);
      inbox.settled(owed.splice(0, alone));
    }

    let storing: { batch: Batch; outcomes: Promise<Outcomes> } | undefined;
    try {
      while (storing || !takeNoMore.aborted) {
        // While one batch is being stored, the next one is read, if it is there as a whole.
        const messages = !storing || inbox.holdsBatch() ? await inbox.take(takeNoMore) : [];
        const next = messages.length > 0 ? await settle.read(messages) : undefined;
        const stored = storing && { batch: storing.batch, outcomes: await storing.outcomes };
        storing = next && { batch: next, outcomes: settle.store(next, stop) };
        storing?.outcomes.catch(() => {}); // it is awaited later
        if (!stored) continue;
        const { done, dead } = settle.conclude(stored.batch, stored.outcomes);
        letters.add(dead);
        owed.push(...done);
        acknowledge();
      }
    } catch (error) {
      if (!stop.aborted) session.lose(error as Error);
    }
    for (const message of owed) session.ack(message);
    await letters.finished();
  }

  /** Moves letters to the dead letters beside the consumption, so that no order waits behind them. */
  function createLetterbox(session: Session, settled: (messages: ConsumeMessage[]) => void, changed: () => void) {
    const letters: Settlement['dead'] = [];
    /** Delivery tags of the letters that are not acknowledged yet. */
    const pending = new Set<number>();
    const patience = createPatience();
    let delivering: Promise<void> | undefined;
    let failing = false;

    async function deliverAll(): Promise<void> {
      try {
        for (failing = false; letters.length > 0 && !session.lost.aborted; ) {
          const results = await Promise.allSettled(letters.splice(0, LETTERS).map(deliver));
          const failure = results.find((result) => result.status === 'rejected');
          if (!failure) {
            patience.reset();
            failing = false;
            changed();
          } else if (!closing.signal.aborted && !session.lost.aborted) {
            if (!failing)
              log.error({ reason: message(failure.reason) }, 'dead letters cannot be written now, they wait in the queue');
            failing = true;
            changed();
            await session.declare().catch(() => {});
            await patience.wait(session.lost).catch(() => {});
          } else return;
        }
      } finally {
        delivering = undefined;
        changed();
      }
    }

    async function deliver(letter: Settlement['dead'][number]): Promise<void> {
      const properties = deadLetterProperties(letter.message, letter.id, letter.why, queue);
      try {
        await session.publishDeadLetter(letter.message.content, properties);
      } catch (error) {
        letters.push(letter);
        throw error;
      }
      pending.delete(letter.message.fields.deliveryTag);
      session.ack(letter.message);
      settled([letter.message]);
      const context = { request_id: requestId(letter.message), message_id: letter.id };
      log.warn({ ...context, kind: letter.why.kind, reason: letter.why.reason }, 'message moved to the dead letters');
    }

    return {
      /** The delivery tag of the oldest letter that is not acknowledged yet, else Infinity. */
      oldest: () => Math.min(...pending),
      /** Whether they cannot be written at the moment. */
      stuck: () => failing,
      add(more: Settlement['dead']): void {
        if (more.length === 0) return;
        letters.push(...more);
        for (const { message } of more) pending.add(message.fields.deliveryTag);
        delivering ??= deliverAll();
      },
      finished: async () => delivering,
    };
  }

  return {
    async close() {
      closing.abort();
      await current?.cancel();
      await Promise.race([running, sleep(FINISH, undefined, { ref: false })]);
      await current?.close();
    },
  };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
