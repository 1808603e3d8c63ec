import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../run/servers/process.ts';
import { createRandom } from '../random.ts';
import { createClients } from './clients.ts';
import { connectGateway } from './gateway.ts';
import { type Balance, balance } from './ledger.ts';
import { type Answer, orders, type SentOrder } from './orders.ts';
import { nameOf, planStrikes, type Strike } from './plan.ts';
import { openQueues, type Queues } from './queues.ts';
import { measureRecovery, type Recovery } from './recovery.ts';
import { openOrdersTable } from './rows.ts';
import type { Stack } from './stack.ts';
import { carryOut, type Disturbance } from './strike.ts';

interface ProofOptions {
  seed: string;
  /** Orders at least: more are sent to see when service resumes after a fault. */
  orders: number;
  faults: number;
  signal: AbortSignal;
  onProgress(faultsDone: number): void;
}

interface Period {
  from: number;
  to: number;
}

interface Aftermath {
  disturbances: Disturbance[];
  recovery: Recovery;
}

export interface Proof extends Balance {
  sent: SentOrder[];
  films: Answer[];
  strikes: Aftermath[];
  /** When this process itself was held up, starting a server for example, and the relays with it. In milliseconds since the epoch. */
  stalls: Period[];
  /** Milliseconds from the last answer until the queue was empty. */
  drained: number;
}

/** Milliseconds after the last fault in which the last clients must get their 200. */
const LAST_RETRIES = 60_000;
/** Milliseconds in which billing must have emptied the queue then. */
const DRAIN = 120_000;
/** One search in the catalogue for so many orders. */
const ORDERS_PER_SEARCH = 5;
/** Milliseconds after the strike in which its orders still come, so that they meet its consequences. */
const AFTERWARDS = 1000;

/** Sends orders, lets faults strike, and balances what the clients were told against what is stored. */
export async function prove(stack: Stack, options: ProofOptions): Promise<Proof> {
  const { seed, signal } = options;
  const source = orders(seed);
  const random = createRandom(`flow ${seed}`);
  const nextOrder = () => source.next().value;
  const giveUp = new AbortController();
  const gateway = connectGateway(stack.links['client-gateway'].port);
  const clients = createClients(gateway, AbortSignal.any([signal, giveUp.signal]));
  const table = openOrdersTable(stack);
  const queues = openQueues(stack);
  const poison = createPoisoner(queues);
  const stalls = watchStalls();

  try {
    const strikes: Aftermath[] = [];
    const plan = planStrikes(seed, options.faults);
    let ordersLeft = options.orders;
    for (const [index, strike] of plan.entries()) {
      const portion = Math.round(ordersLeft / (plan.length - index));
      ordersLeft -= portion;
      const length = strike.pause + lengthOf(strike);
      const flow = Promise.all(
        Array.from({ length: portion }, async (_, number) => {
          await sleep(random.between(0, length + AFTERWARDS), undefined, { signal });
          clients.place(nextOrder());
          if (number % ORDERS_PER_SEARCH === 0) clients.searchFilms();
        }),
      );
      flow.catch(() => {}); // awaited below; it may be aborted before
      await sleep(strike.pause, undefined, { signal });
      poison.put();
      const disturbances = await carryOut(strike, stack, signal);
      const recovery = await measureRecovery({ clients, nextOrder, table, signal });
      await flow;
      strikes.push({ disturbances, recovery });
      options.onProgress(strikes.reduce((sum, { disturbances }) => sum + disturbances.length, 0));
    }
    for (let left = plan.length > 0 ? 0 : options.orders; left > 0; left--) clients.place(nextOrder());

    const deadline = setTimeout(() => giveUp.abort(), LAST_RETRIES);
    await clients.idle();
    clearTimeout(deadline);
    signal.throwIfAborted();

    const answered = Date.now();
    let queued = Number.NaN;
    await waitFor(DRAIN, async () => {
      signal.throwIfAborted();
      queued = await queues.waiting();
      return queued === 0;
    });
    const drained = Date.now() - answered;
    const { wrong, outcomes } = balance({
      orders: clients.orders,
      rows: await table.all(),
      queued,
      deadLetters: await queues.deadLetters(),
      poison: await poison.sent(),
    });
    return {
      wrong: [...strikes.flatMap(outOfService), ...wrong],
      outcomes,
      sent: clients.orders,
      films: clients.films,
      strikes,
      stalls: stalls.seen,
      drained,
    };
  } finally {
    stalls.stop();
    await table.close();
    await gateway.close();
  }
}

/** Milliseconds, as planned. */
function lengthOf({ faults }: Strike): number {
  return Math.max(...faults.map(({ delay, hold }) => delay + hold));
}

function outOfService({ disturbances, recovery }: Aftermath): string[] {
  const after = disturbances.map(({ fault }) => nameOf(fault)).join(' and ');
  const missing = [
    recovery.taken === Number.POSITIVE_INFINITY && 'no order was taken',
    recovery.stored === Number.POSITIVE_INFINITY && 'no order was stored',
    recovery.films === Number.POSITIVE_INFINITY && 'no film was found',
  ].filter((what) => what !== false);
  return missing.map((what) => `After ${after} ${what} for a minute.`);
}

function watchStalls() {
  const [step, tolerated] = [50, 200];
  const seen: Period[] = [];
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > step + tolerated) seen.push({ from: last, to: now });
    last = now;
  }, step);
  return { seen, stop: () => clearInterval(timer) };
}

/** Puts messages into the queue that can never be an order, now and then. */
function createPoisoner(queues: Queues) {
  const contents = new Map<string, Promise<boolean>>();
  return {
    put(): void {
      const number = contents.size + 1;
      const content = number % 2 === 0 ? `poison ${number}, not JSON` : JSON.stringify({ poison: number });
      contents.set(content, queues.put(content));
    },
    /** The contents, and whether the broker confirmed each. */
    async sent(): Promise<Map<string, boolean>> {
      const confirmed = await Promise.all(contents.values());
      return new Map([...contents.keys()].map((content, index) => [content, confirmed[index]!]));
    },
  };
}
