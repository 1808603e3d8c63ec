import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../run/servers/process.ts';
import { createRandom } from '../random.ts';
import { createClients } from './clients.ts';
import { connectGateway } from './gateway.ts';
import { type Balance, balance } from './ledger.ts';
import { type Answer, type Order, orders, type SentOrder } from './orders.ts';
import { nameOf, planStrikes, type Strike } from './plan.ts';
import { createPoisoner } from './poisoner.ts';
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
  const giveUp = new AbortController();
  const gateway = connectGateway(stack.links['client-gateway'].port);
  const clients = createClients(gateway, AbortSignal.any([signal, giveUp.signal]));
  const table = openOrdersTable(stack);
  const queues = openQueues(stack);
  const scene: Scene = { stack, clients, table, queues, poison: createPoisoner(queues), nextOrder: () => source.next().value };
  const stalls = watchStalls();

  try {
    const strikes = await strikeAll(scene, options);
    const deadline = setTimeout(() => giveUp.abort(), LAST_RETRIES);
    await clients.idle();
    clearTimeout(deadline);
    signal.throwIfAborted();
    const { wrong, ...books } = await balanceAll(scene, signal);
    return {
      wrong: [...strikes.flatMap(outOfService), ...wrong],
      ...books,
      sent: clients.orders,
      films: clients.films,
      strikes,
      stalls: stalls.seen,
    };
  } finally {
    stalls.stop();
    await table.close();
    await gateway.close();
  }
}

/** What a proof works with. */
interface Scene {
  stack: Stack;
  clients: ReturnType<typeof createClients>;
  table: ReturnType<typeof openOrdersTable>;
  queues: Queues;
  poison: ReturnType<typeof createPoisoner>;
  nextOrder(): Order;
}

/** Places all orders, spread over the strikes. */
async function strikeAll({ stack, clients, table, poison, nextOrder }: Scene, options: ProofOptions): Promise<Aftermath[]> {
  const { seed, signal } = options;
  const random = createRandom(`flow ${seed}`);
  const plan = planStrikes(seed, options.faults);
  const strikes: Aftermath[] = [];
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
  for (; ordersLeft > 0; ordersLeft--) clients.place(nextOrder());
  return strikes;
}

/** Waits until billing has emptied the queue, and compares. */
async function balanceAll(
  { clients, table, queues, poison }: Scene,
  signal: AbortSignal,
): Promise<Balance & { drained: number }> {
  const answered = Date.now();
  let queued = Number.NaN;
  await waitFor(DRAIN, async () => {
    signal.throwIfAborted();
    queued = await queues.waiting();
    return queued === 0;
  });
  const drained = Date.now() - answered;
  const books = balance({
    orders: clients.orders,
    rows: await table.all(),
    queued,
    deadLetters: await queues.deadLetters(),
    poison: await poison.sent(),
  });
  return { ...books, drained };
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
