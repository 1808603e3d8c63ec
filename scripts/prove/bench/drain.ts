import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isAlive } from '../../run/servers/process.ts';
import type { Environment } from '../../run/stack/environment.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { cpuSeconds } from '../usage.ts';
import { ORDER, publishOrders, purge } from './broker.ts';
import type { Role, Running } from './contender.ts';
import { databaseOf, withDatabase } from './database.ts';

export interface Drainer {
  name: string;
  role: Role;
  /** One message in so many has another body. */
  odd?: { every: number; body: string; isOrder: boolean };
  /** Part of the backlog that it gets; the whole would take minutes. */
  part?: number;
  start(): Running;
}

export interface Drained {
  perSecond: number;
  /** Microseconds of processor time for an order */
  cpu: number;
}

/** Milliseconds without a new row after which something is wrong. */
const STANDSTILL = 30_000;

/** Fills the queue with so many messages, starts the consumer, and waits until every order is a row. */
export async function drain(environment: Environment, drainer: Drainer, size: number): Promise<Drained> {
  const { name, odd, start } = drainer;
  return withDatabase(databaseOf(environment, 'ORDERS_DB'), async (client) => {
    await client.query('TRUNCATE orders, handled_messages RESTART IDENTITY');
    await purge(environment);
    const ordinary = JSON.stringify(ORDER);
    await publishOrders(environment, size, (n) => (odd && n % odd.every === 0 ? odd.body : ordinary));
    const expected = odd && !odd.isOrder ? size - Math.ceil(size / odd.every) : size;
    const running = start();
    try {
      return await untilDrained(client, name, running.pid, expected);
    } finally {
      await running.stop();
    }
  });
}

async function untilDrained(client: pg.Client, name: string, pid: number, expected: number): Promise<Drained> {
  let first: { rows: number; time: number; cpu: number } | undefined;
  let progressed = performance.now();
  for (let last = 0; ; await sleep(10)) {
    const rows = await highestId(client);
    const [time, cpu] = [performance.now(), cpuSeconds(pid)];
    if (rows > 0) first ??= { rows, time, cpu };
    if (rows > last) [last, progressed] = [rows, time];
    if (first && rows >= expected) {
      return {
        perSecond: (rows - first.rows) / ((time - first.time) / 1000),
        cpu: ((cpu - first.cpu) / (rows - first.rows)) * 1e6,
      };
    }
    if (time - progressed > STANDSTILL || !isAlive(pid)) {
      throw new Failure(`${name} stored ${rows} of ${expected} orders and no more: see .local/bench/logs.`);
    }
  }
}

/** As good as counting, where every number becomes a row, and it does not take processor time from who is measured. */
async function highestId(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM orders');
  return rows[0]!.id;
}
