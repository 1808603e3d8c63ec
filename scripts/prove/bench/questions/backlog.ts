import { median } from '../../statistics.ts';
import { ORDER } from '../broker.ts';
import { type Role, startPeer, startRascalBilling, startService } from '../contender.ts';
import { type Drained, type Drainer, drain } from '../drain.ts';
import type { Bench, Panel, Question, Result, Table, Target } from '../question.ts';
import { ratioTarget } from '../rounds.ts';

interface Measured extends Drained {
  name: string;
  role: Role;
}

const OURS = 'billing';
const WITH_BAD = 'billing, 1 in 100 is no order';
const WITH_LARGE = 'billing, 1 in 1,000 is large';
const NO_ORDER = JSON.stringify({ ...ORDER, user_id: 'nobody' });
const LARGE_ORDER = JSON.stringify({ ...ORDER, note: 'x'.repeat(500_000) });
const LIMIT = 'raw consume, multi-row inserts';

export const backlog: Question = {
  name: 'backlog',
  async ask(bench: Bench): Promise<Result> {
    const size = bench.quick ? 10_000 : 50_000;
    const measured = await measureDrainers(bench, size);
    return {
      title: `A backlog of ${size.toLocaleString('en')} orders drained into rows`,
      method:
        'The queue is filled, then the consumer started. Counted is from its first rows in the table to its last one, so that neither starting nor connecting matters. Ours reads every message strictly, remembers its id and stores it exactly once; the peers do none of that, but for billing with only its way to the queue exchanged. A large order has half a megabyte of what an order does not need. The consumer with a transaction per message gets a tenth of the backlog.',
      tables: [table(measured)],
      panels: panels(measured),
      targets: targets(measured),
    };
  },
};

function drainers({ environment }: Bench): Drainer[] {
  const start = () => startService('billing-app', environment);
  const peer = (program: string) => () => startPeer(program, environment);
  return [
    { name: OURS, role: 'ours', start },
    { name: "billing by Rascal's subscription", role: 'peer', start: () => startRascalBilling(environment) },
    { name: WITH_BAD, role: 'ours', odd: { every: 100, body: NO_ORDER, isOrder: false }, start },
    { name: WITH_LARGE, role: 'ours', odd: { every: 1000, body: LARGE_ORDER, isOrder: true }, start },
    { name: 'a transaction per message', role: 'peer', part: 0.1, start: peer('backlog-transaction-each') },
    { name: LIMIT, role: 'limit', start: peer('backlog-multi-row') },
  ];
}

/** Each has its turn in every round. Medians of the rounds. */
async function measureDrainers(bench: Bench, size: number): Promise<Measured[]> {
  const all = drainers(bench);
  const turns = new Map(all.map(({ name }) => [name, [] as Drained[]]));
  const rounds = bench.quick ? 1 : 3;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < all.length; i++) {
      const drainer = all[(i + round) % all.length]!;
      turns.get(drainer.name)!.push(await drain(bench.environment, drainer, size * (drainer.part ?? 1)));
    }
    bench.say(`round ${round + 1} of ${rounds}`);
  }
  return all.map(({ name, role }) => ({
    name,
    role,
    perSecond: median(turns.get(name)!.map(({ perSecond }) => perSecond)),
    cpu: median(turns.get(name)!.map(({ cpu }) => cpu)),
  }));
}

function table(measured: Measured[]): Table {
  const ours = measured[0]!;
  return {
    columns: ['', 'orders/s', '× ours', 'CPU per order'],
    rows: measured.map(({ name, role, perSecond, cpu }) => [
      role === 'limit' ? `${name} (limit)` : name,
      perSecond.toFixed(0),
      (perSecond / ours.perSecond).toFixed(2),
      `${cpu.toFixed(0)} µs`,
    ]),
  };
}

function panels(measured: Measured[]): Panel[] {
  const bars = (field: 'perSecond' | 'cpu') => measured.map(({ name, role, [field]: value }) => ({ label: name, role, value }));
  return [
    { title: 'Orders stored', unit: 'orders/s', moreIsBetter: true, bars: bars('perSecond') },
    { title: 'CPU time per order', unit: 'µs', bars: bars('cpu') },
  ];
}

function targets(measured: Measured[]): Target[] {
  const perSecond = (name: string) => measured.find((one) => one.name === name)!.perSecond;
  return [
    ratioTarget('backlog, throughput of ours / the limit', perSecond(OURS) / perSecond(LIMIT), { atLeast: 0.5 }),
    ratioTarget('backlog with 1 in 100 that is no order, throughput / without', perSecond(WITH_BAD) / perSecond(OURS), {
      atLeast: 0.8,
    }),
  ];
}
