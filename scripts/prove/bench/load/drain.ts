import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isAlive } from '../../../run/servers/process.ts';
import { Failure } from '../../../run/terminal/failure.mjs';
import { type CpuTimes, cpuTimes, memory } from '../../usage.ts';
import type { Contender, Role, Turn } from '../contender.ts';
import type { Running } from '../processes.ts';
import type { Product } from '../product.ts';
import { ORDER, publishOrders, purge } from './broker.ts';
import { databaseOf, withDatabase } from './database.ts';

export interface Drainer {
  name: string;
  role: Role;
  /** One message in so many has another body. */
  odd?: { every: number; body: string; isOrder: boolean };
  /** Part of the backlog that it gets; the whole would take minutes. */
  part?: number;
  start(): Running;
  /** Processes, by name, that take part in every order. */
  alongside?: Record<string, number>;
}

/** Milliseconds without a new row after which something is wrong. */
const STANDSTILL = 30_000;

/** A contender that finds so many messages in the queue, and has its turn until every order is a row. */
export function draining(product: Product, drainer: Drainer, backlog: number): Contender {
  const { environment } = product;
  const { name, role, odd, start, alongside = {} } = drainer;
  const size = backlog * (drainer.part ?? 1);
  const expected = odd && !odd.isOrder ? size - Math.ceil(size / odd.every) : size;
  const ordinary = JSON.stringify(ORDER);
  return {
    name,
    role,
    turn: () =>
      withDatabase(databaseOf(environment, 'ORDERS_DB'), async (client) => {
        await client.query('TRUNCATE orders, handled_messages RESTART IDENTITY');
        await purge(environment);
        await publishOrders(environment, size, (n) => (odd && n % odd.every === 0 ? odd.body : ordinary));
        const running = start();
        try {
          return await untilDrained(client, name, running.pid, expected, alongside);
        } finally {
          await running.stop();
        }
      }),
  };
}

async function untilDrained(
  client: pg.Client,
  name: string,
  pid: number,
  expected: number,
  alongside: Record<string, number>,
): Promise<Turn> {
  const now = async (): Promise<Progress> => ({
    rows: await highestId(client),
    time: performance.now(),
    cpu: cpuTimes(pid),
    alongside: Object.entries(alongside).map(([other, its]) => [other, cpuTimes(its)]),
  });
  let first: Progress | undefined;
  let progressed = performance.now();
  for (let last = 0; ; await sleep(10)) {
    const latest = await now();
    if (latest.rows > 0) first ??= latest;
    if (latest.rows > last) [last, progressed] = [latest.rows, latest.time];
    if (first && latest.rows >= expected) return { ...between(first, latest), memory: memory(pid).now };
    if (latest.time - progressed > STANDSTILL || !isAlive(pid)) {
      throw new Failure(`${name} stored ${latest.rows} of ${expected} orders and no more: see .local/bench/logs.`);
    }
  }
}

interface Progress {
  rows: number;
  time: number;
  cpu: CpuTimes;
  alongside: [name: string, cpu: CpuTimes][];
}

function between(first: Progress, last: Progress): Omit<Turn, 'memory'> {
  const units = last.rows - first.rows;
  const sum = ({ user, system }: CpuTimes) => user + system;
  return {
    units,
    failed: 0,
    perSecond: units / ((last.time - first.time) / 1000),
    user: ((last.cpu.user - first.cpu.user) / units) * 1e6,
    system: ((last.cpu.system - first.cpu.system) / units) * 1e6,
    alongside: Object.fromEntries(
      last.alongside.map(([name, cpu], i) => [name, ((sum(cpu) - sum(first.alongside[i]![1])) / units) * 1e6]),
    ),
  };
}

/** As good as counting, where every number becomes a row, and it does not take processor time from who is measured. */
async function highestId(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM orders');
  return rows[0]!.id;
}
