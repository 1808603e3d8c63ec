import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../random.ts';
import { carryOut, type Disturbance } from './carry-out.ts';
import type { createClients } from './clients.ts';
import type { Order } from './orders.ts';
import { nameOf, planStrikes, type Strike } from './plan.ts';
import type { createPoisoner } from './poisoner.ts';
import type { Queues } from './queues.ts';
import { measureRecovery, type Recovery } from './recovery.ts';
import type { openOrdersTable } from './rows.ts';
import type { Stack } from './stack.ts';

export interface ProofOptions {
  seed: string;
  /** Orders at least: more are sent to see when service resumes after a fault. */
  orders: number;
  faults: number;
  signal: AbortSignal;
  onProgress(faultsDone: number): void;
}

/** What a proof works with. */
export interface Scene {
  stack: Stack;
  clients: ReturnType<typeof createClients>;
  table: ReturnType<typeof openOrdersTable>;
  queues: Queues;
  poison: ReturnType<typeof createPoisoner>;
  nextOrder(): Order;
}

/** What a strike did, and how long it took until service was there again. */
export interface Aftermath {
  disturbances: Disturbance[];
  recovery: Recovery;
}

/** One search in the catalogue for so many orders. */
const ORDERS_PER_SEARCH = 5;
/** Milliseconds after the strike in which its orders still come, so that they meet its consequences. */
const AFTERWARDS = 1000;

/** Places all orders, spread over the strikes. */
export async function strikeAll(
  { stack, clients, table, poison, nextOrder }: Scene,
  options: ProofOptions,
): Promise<Aftermath[]> {
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

/** Milliseconds, as planned. */
function lengthOf({ faults }: Strike): number {
  return Math.max(...faults.map(({ delay, hold }) => delay + hold));
}

/** What did not come back. */
export function outOfService({ disturbances, recovery }: Aftermath): string[] {
  const after = disturbances.map(({ fault }) => nameOf(fault)).join(' and ');
  const missing = [
    recovery.taken === Number.POSITIVE_INFINITY && 'no order was taken',
    recovery.stored === Number.POSITIVE_INFINITY && 'no order was stored',
    recovery.films === Number.POSITIVE_INFINITY && 'no film was found',
  ].filter((what) => what !== false);
  return missing.map((what) => `After ${after} ${what} for a minute.`);
}
