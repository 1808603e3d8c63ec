import { setTimeout as sleep } from 'node:timers/promises';
import type { Gateway } from './gateway.ts';
import type { Answer, Order, SentOrder } from './orders.ts';

/** Orders that are under way at the same time. */
const CLIENTS = 32;

/** Milliseconds between two attempts with the same key: impatient, so that retries meet the original. */
const RETRY = 200;

/** Everybody who uses the gateway during the proof, and what each was told. */
export interface Clients {
  /** Sends an order as its client does, once one of the clients is free: once, or with a key until it is answered 200. */
  place(order: Order): void;
  /** Sends an order at once, and only once. */
  try(order: Order): Promise<Answer>;
  searchFilms(): Promise<Answer>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  readonly orders: SentOrder[];
  readonly films: Answer[];
}

/** After `signal` nobody tries again. Longer than 40 lines: one state, and all that may touch it. */
export function createClients(gateway: Gateway, signal: AbortSignal): Clients {
  const sent: SentOrder[] = [];
  const films: Answer[] = [];
  const waiting: Order[] = [];
  const underWay = new Set<Promise<unknown>>();
  let busy = 0;

  async function follow(order: SentOrder): Promise<void> {
    for (;;) {
      const answer = await attempt(order);
      const open = answer.status === 503 || answer.status === 'none';
      if (!open || !order.key || signal.aborted) break;
      await sleep(RETRY, undefined, { signal }).catch(() => {});
    }
    if (order.again && !signal.aborted) await attempt(order);
  }

  async function attempt(order: SentOrder): Promise<Answer> {
    const answer = await gateway.post(order);
    order.answers.push(answer);
    return answer;
  }

  function record(order: Order): SentOrder {
    const own = { ...order, answers: [] };
    sent.push(own);
    return own;
  }

  function track<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    work.finally(() => underWay.delete(work));
    return work;
  }

  async function serve(): Promise<void> {
    busy++;
    for (let order = waiting.shift(); order; order = waiting.shift()) await follow(record(order));
    busy--;
  }

  return {
    orders: sent,
    films,
    place(order) {
      waiting.push(order);
      if (busy < CLIENTS) track(serve());
    },
    try: ({ key: _, ...order }) => track(attempt(record({ ...order, again: false }))),
    async searchFilms() {
      const answer = await track(gateway.searchFilms());
      films.push(answer);
      return answer;
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
