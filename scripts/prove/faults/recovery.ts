import { setTimeout as sleep } from 'node:timers/promises';
import type { Clients } from './clients.ts';
import type { Order } from './orders.ts';
import type { OrdersTable } from './rows.ts';

/** Milliseconds after the last fault of a strike was mended. */
export interface Recovery {
  /** Until the first order was answered 200. */
  taken: number;
  /** Until such an order was in the table. */
  stored: number;
  /** Until the catalogue was searched with success. */
  films: number;
}

/** Milliseconds after which a system that does not take, store or show counts as broken. */
const LIMIT = 60_000;
/** Milliseconds between two attempts, which do not wait for each other. */
const STEP = 50;
const MAX_UNDER_WAY = 20;

interface Probes {
  clients: Clients;
  nextOrder(): Order;
  table: OrdersTable;
  signal: AbortSignal;
}

/** Tries until each part serves again. What does not within a minute is `Infinity`. */
export async function measureRecovery({ clients, nextOrder, table, signal }: Probes): Promise<Recovery> {
  const mended = Date.now();
  const since = () => Date.now() - mended;

  const accepted: number[] = [];
  const taken = repeat(async () => {
    const order = nextOrder();
    const { status } = await clients.try(order);
    if (status === 200) accepted.push(order.userId);
    return status === 200;
  });
  const stored = repeat(async () => accepted.length > 0 && table.hasAny(accepted), 1);
  const films = repeat(async () => (await clients.searchFilms()).status === 200);
  const [whenTaken, whenStored, whenFilms] = await Promise.all([taken, stored, films]);
  return { taken: whenTaken, stored: whenStored, films: whenFilms };

  async function repeat(attempt: () => Promise<boolean>, atOnce = MAX_UNDER_WAY): Promise<number> {
    const underWay = new Set<Promise<void>>();
    let success: number | undefined;
    for (; success === undefined && since() < LIMIT; await sleep(STEP, undefined, { signal })) {
      if (underWay.size >= atOnce) continue;
      const one = attempt()
        .then((succeeded) => {
          if (succeeded) success ??= since();
        })
        .finally(() => underWay.delete(one));
      underWay.add(one);
    }
    return success ?? Number.POSITIVE_INFINITY;
  }
}
