import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isAlive } from '../../../run/servers/process.ts';
import { Failure } from '../../../run/terminal/failure.mjs';
import { median } from '../../statistics.ts';
import { cpuSeconds } from '../../usage.ts';
import { ORDER, publishOrders, purge } from '../broker.ts';
import { type Role, type Running, startPeer, startRascalBilling, startService } from '../contender.ts';
import { databaseOf, withDatabase } from '../database.ts';
import type { Bench, Question, Result } from '../question.ts';
import { ratioTarget } from '../rounds.ts';

interface Drainer {
  name: string;
  role: Role;
  /** One message in so many has another body. */
  odd?: { every: number; body: string; isOrder: boolean };
  /** Part of the backlog that it gets; the whole would take minutes. */
  part?: number;
  start(): Running;
}

interface Drained {
  perSecond: number;
  /** Microseconds of processor time for an order */
  cpu: number;
}

const OURS = 'billing';
const WITH_BAD = 'billing, 1 in 100 is no order';
const WITH_LARGE = 'billing, 1 in 1,000 is large';
const NO_ORDER = JSON.stringify({ ...ORDER, user_id: 'nobody' });
const LARGE_ORDER = JSON.stringify({ ...ORDER, note: 'x'.repeat(500_000) });
const LIMIT = 'raw consume, multi-row inserts';
/** Milliseconds without a new row after which something is wrong. */
const STANDSTILL = 30_000;

export const backlog: Question = {
  name: 'backlog',
  async ask(bench: Bench): Promise<Result> {
    const { environment } = bench;
    const size = bench.quick ? 10_000 : 50_000;
    const rounds = bench.quick ? 1 : 3;
    const ours = () => startService('billing-app', environment);
    const drainers: Drainer[] = [
      { name: OURS, role: 'ours', start: ours },
      { name: "billing by Rascal's subscription", role: 'peer', start: () => startRascalBilling(environment) },
      { name: WITH_BAD, role: 'ours', odd: { every: 100, body: NO_ORDER, isOrder: false }, start: ours },
      { name: WITH_LARGE, role: 'ours', odd: { every: 1000, body: LARGE_ORDER, isOrder: true }, start: ours },
      {
        name: 'a transaction per message',
        role: 'peer',
        part: 0.1,
        start: () => startPeer('backlog-transaction-each', environment),
      },
      { name: LIMIT, role: 'limit', start: () => startPeer('backlog-multi-row', environment) },
    ];
    const turns = new Map(drainers.map(({ name }) => [name, [] as Drained[]]));
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < drainers.length; i++) {
        const drainer = drainers[(i + round) % drainers.length]!;
        turns.get(drainer.name)!.push(await drain(bench, drainer, size * (drainer.part ?? 1)));
      }
      bench.say(`round ${round + 1} of ${rounds}`);
    }
    const measured = drainers.map(({ name, role }) => ({
      name,
      role,
      perSecond: median(turns.get(name)!.map(({ perSecond }) => perSecond)),
      cpu: median(turns.get(name)!.map(({ cpu }) => cpu)),
    }));
    const of = (name: string) => measured.find((one) => one.name === name)!;
    return {
      title: `A backlog of ${size.toLocaleString('en')} orders drained into rows`,
      method:
        'The queue is filled, then the consumer started. Counted is from its first rows in the table to its last one, so that neither starting nor connecting matters. Ours reads every message strictly, remembers its id and stores it exactly once; the peers do none of that, but for billing with only its way to the queue exchanged. A large order has half a megabyte of what an order does not need. The consumer with a transaction per message gets a tenth of the backlog.',
      tables: [
        {
          columns: ['', 'orders/s', '× ours', 'CPU per order'],
          rows: measured.map(({ name, role, perSecond, cpu }) => [
            role === 'limit' ? `${name} (limit)` : name,
            perSecond.toFixed(0),
            (perSecond / of(OURS).perSecond).toFixed(2),
            `${cpu.toFixed(0)} µs`,
          ]),
        },
      ],
      panels: [
        {
          title: 'Orders stored',
          unit: 'orders/s',
          moreIsBetter: true,
          bars: measured.map(({ name, role, perSecond }) => ({ label: name, role, value: perSecond })),
        },
        {
          title: 'CPU time per order',
          unit: 'µs',
          bars: measured.map(({ name, role, cpu }) => ({ label: name, role, value: cpu })),
        },
      ],
      targets: [
        ratioTarget('backlog, throughput of ours / the limit', of(OURS).perSecond / of(LIMIT).perSecond, { atLeast: 0.5 }),
        ratioTarget('backlog with 1 in 100 that is no order, throughput / without', of(WITH_BAD).perSecond / of(OURS).perSecond, {
          atLeast: 0.8,
        }),
      ],
    };
  },
};

async function drain({ environment }: Bench, { name, odd, start }: Drainer, size: number): Promise<Drained> {
  return withDatabase(databaseOf(environment, 'ORDERS_DB'), async (client) => {
    await client.query('TRUNCATE orders, handled_messages RESTART IDENTITY');
    await purge(environment);
    const ordinary = JSON.stringify(ORDER);
    await publishOrders(environment, size, (n) => (odd && n % odd.every === 0 ? odd.body : ordinary));
    const expected = odd && !odd.isOrder ? size - Math.ceil(size / odd.every) : size;

    const running = start();
    try {
      let first: { rows: number; time: number; cpu: number } | undefined;
      let progressed = performance.now();
      for (let last = 0; ; ) {
        const rows = await highestId(client);
        const [time, cpu] = [performance.now(), cpuSeconds(running.pid)];
        if (rows > 0) first ??= { rows, time, cpu };
        if (rows > last) [last, progressed] = [rows, time];
        if (first && rows >= expected) {
          return {
            perSecond: (rows - first.rows) / ((time - first.time) / 1000),
            cpu: ((cpu - first.cpu) / (rows - first.rows)) * 1e6,
          };
        }
        if (time - progressed > STANDSTILL || !isAlive(running.pid)) {
          throw new Failure(`${name} stored ${rows} of ${expected} orders and no more: see .local/bench/logs.`);
        }
        await sleep(10);
      }
    } finally {
      await running.stop();
    }
  });
}

/** As good as counting, where every number becomes a row, and it does not take processor time from who is measured. */
async function highestId(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM orders');
  return rows[0]!.id;
}
