import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@crud-master/plumbing/log';
import type { Span, Spans } from '@crud-master/plumbing/spans';
import type { ConsumeMessage } from 'amqplib';
import type { Activity } from './activity.ts';
import { type Batch, type Decision, decide, readBatch } from './batch.ts';
import { type BatchSpans, traceBatch } from './batch-spans.ts';
import { idsOf } from './dead-letter.ts';
import { Inbox } from './inbox.ts';
import { Letterbox } from './letterbox.ts';
import type { IncomingOrder } from './order-store.ts';
import type { FinalOutcome } from './patient-store.ts';
import { createReceipts } from './receipts.ts';
import type { Session } from './session.ts';

/** Orders stored by one statement at most: more make it longer, not faster. */
const BATCH = 1000;
/** Orders of one batch that get a line of the log each. More share a line: a line each costs as much as reading the order. */
const LINES = 20;
/** Milliseconds between two attempts to reach a broker that is away. */
const RETRY = 500;
/** Milliseconds that a stop gives to what is in hand, before that goes back to the queue. */
const FINISH = 5000;

interface Dependencies {
  openSession(prefetch: number, deliver: (message: ConsumeMessage) => void): Promise<Session>;
  /** Waits as long as the database is away, and rejects when the signal aborts. */
  store(incoming: IncomingOrder[], signal: AbortSignal, span?: Span): Promise<FinalOutcome[]>;
  queue: string;
  prefetch: number;
  maxMessageBytes: number;
  /** Is told what happens. */
  activity: Activity;
  log: Logger;
  /** Undefined without tracing. */
  spans?: Spans | undefined;
}

export interface Consumer {
  /** Finishes the batch in hand, when the database lets it, and gives the rest back to the queue. */
  close(): Promise<void>;
}

/** Consumes the queue until it is closed: session after session, batch after batch. */
export function consume(dependencies: Dependencies): Consumer {
  const { openSession, queue, prefetch, activity, log } = dependencies;
  const closing = new AbortController();
  let current: Session | undefined;

  async function run(): Promise<void> {
    for (let away = false; !closing.signal.aborted; ) {
      try {
        const inbox = new Inbox();
        current = await openSession(prefetch, (message) => inbox.deliver(message));
        log.info({ queue }, 'consuming');
        activity.consuming(() => inbox.inHand);
        away = false;
        await work(current, inbox, closing.signal, dependencies);
        activity.notConsuming('was lost');
        await current.close();
        const { reason } = current.lost;
        if (!closing.signal.aborted) log.warn({ reason: messageOf(reason) }, 'no longer consuming, retrying');
      } catch (error) {
        if (!away) log.warn({ reason: messageOf(error) }, 'the broker cannot be used, still trying');
        away = true;
        activity.notConsuming('cannot be consumed from');
      }
      await sleep(RETRY, undefined, { signal: closing.signal }).catch(() => {});
    }
  }
  const running = run();

  return {
    async close() {
      closing.abort();
      await current?.cancel();
      await Promise.race([running, sleep(FINISH, undefined, { ref: false })]);
      await current?.close();
    },
  };
}

/** Takes, reads, stores, decides and acknowledges, batch after batch, until the session is lost or the consumer closes. */
async function work(session: Session, inbox: Inbox, closing: AbortSignal, dependencies: Dependencies): Promise<void> {
  const { queue, prefetch, maxMessageBytes, activity, log } = dependencies;
  const stop = AbortSignal.any([session.lost, closing]);
  const letterbox = new Letterbox({
    session,
    queue,
    delivered: (message) => receipts.send([message]),
    changed: () => receipts.sendDue(),
    stop,
    activity,
    log,
  });
  const receipts = createReceipts(session, inbox, letterbox, prefetch);

  let storing: Storing | undefined;
  try {
    while (storing || !stop.aborted) {
      // While one batch is being stored, the next one is read, if it is there as a whole.
      const messages = !storing || inbox.holds(BATCH) ? await inbox.take(BATCH, stop) : [];
      const next = messages.length > 0 ? readBatch(messages, maxMessageBytes) : undefined;
      if (next) letterbox.add(next.letters); // at once: they are on their way while the orders are stored
      const stored = storing && { ...storing, outcomes: await storing.outcomes };
      storing = next && begin(next, stop, dependencies);
      if (!stored) continue;
      const decision = decide(stored.batch, stored.outcomes);
      const { done, letters } = decision;
      activity.stored({ orders: stored.batch.orders.length, seconds: (performance.now() - stored.began) / 1000, done });
      stored.trace?.end(decision);
      report(done, log);
      letterbox.add(letters);
      receipts.add(done);
      receipts.sendDue();
    }
  } catch (error) {
    storing?.trace?.giveBack();
    if (!stop.aborted) session.lose(error as Error);
  }
  receipts.sendAll();
  await letterbox.finished();
}

interface Storing {
  batch: Batch;
  /** `performance.now()` */
  began: number;
  outcomes: Promise<FinalOutcome[]>;
  trace: BatchSpans | undefined;
}

function begin(batch: Batch, stop: AbortSignal, { store, queue, spans }: Dependencies): Storing {
  const trace = spans && traceBatch(spans, queue, batch);
  const outcomes = batch.orders.length > 0 ? store(batch.orders, stop, trace?.batch) : Promise.resolve([]);
  outcomes.catch(() => {}); // it is awaited later
  return { batch, began: performance.now(), outcomes, trace };
}

function report(done: Decision['done'], log: Logger): void {
  const orders: object[] = [];
  for (const { message, messageId, orderId } of done) {
    const context = { ...idsOf(message), message_id: messageId };
    if (orderId === undefined) log.info(context, 'order already stored');
    else orders.push({ ...context, order_id: orderId });
  }
  if (orders.length > LINES) log.info({ orders }, 'orders stored');
  else for (const order of orders) log.info(order, 'order stored');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
