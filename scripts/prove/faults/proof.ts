import { waitFor } from '../../run/servers/process.ts';
import { createClients } from './clients.ts';
import { connectGateway } from './gateway.ts';
import { type Balance, balance } from './ledger.ts';
import { type Answer, orders, type SentOrder } from './orders.ts';
import { createPoisoner } from './poisoner.ts';
import { openQueues } from './queues.ts';
import { openOrdersTable } from './rows.ts';
import type { Stack } from './stack.ts';
import { type Period, watchStalls } from './stalls.ts';
import { type Aftermath, outOfService, type ProofOptions, type Scene, strikeAll } from './strikes.ts';

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
