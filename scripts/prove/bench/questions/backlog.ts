import { ORDER } from '../load/broker.ts';
import { type Drainer, draining } from '../load/drain.ts';
import { startPeer, startService, startVariant } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Target, Work } from '../question.ts';
import { named, ratio } from '../report/figures.ts';
import { comparison, cpuPanel, throughputPanel } from '../report/tables.ts';
import { ratioTarget } from '../report/targets.ts';
import { type Measured, measure } from '../rounds.ts';

const OURS = 'billing';
const WITH_BAD = 'billing, 1 in 100 is no order';
const WITH_LARGE = 'billing, 1 in 1,000 is large';
const LIMIT = 'raw consume, multi-row inserts';
const BAD = { every: 100, body: JSON.stringify({ ...ORDER, user_id: 'nobody' }), isOrder: false };
const LARGE = { every: 1000, body: JSON.stringify({ ...ORDER, note: 'x'.repeat(500_000) }), isOrder: true };

/** How often each is started, and the orders that it finds. */
const amounts = ({ quick }: Bench) => (quick ? { starts: 1, size: 10_000 } : { starts: 5, size: 50_000 });

const work = (name: string, odd?: Drainer['odd']): Work => ({
  name,
  unit: 'order',
  measure(bench, products) {
    const { starts, size } = amounts(bench);
    const contenders = products.map((product) => draining(product, ours(product.name, product, odd), size));
    return measure(contenders, bench.quick ? 2 : starts, bench.say);
  },
});

export const backlog: Question = {
  name: 'backlog',
  works: [work('backlog'), work('backlog, 1 in 100 is no order', BAD)],
  async ask(bench: Bench): Promise<Result> {
    const { starts, size } = amounts(bench);
    const contenders = drainers(bench.ours).map((drainer) => draining(bench.ours, drainer, size));
    const measured = await measure(contenders, starts, bench.say);
    return {
      title: `A backlog of ${size.toLocaleString('en')} orders drained into rows`,
      method:
        'The queue is filled, then the consumer started. Counted is from its first rows in the table to its last one, so that neither starting nor connecting matters. Ours reads every message strictly, remembers its id and stores it exactly once; the peers do none of that, but for billing with only its way to the queue exchanged. A large order has half a megabyte of what an order does not need. The consumer with a transaction per message gets a tenth of the backlog.',
      tables: [comparison(measured, { unit: 'order' })],
      panels: [throughputPanel(measured, 'Orders stored', 'orders'), cpuPanel(measured, 'CPU time per order')],
      targets: targets(measured),
    };
  },
};

const ours = (name: string, product: Product, odd?: Drainer['odd']): Drainer => ({
  name,
  role: 'ours',
  odd,
  start: () => startService(product, 'billing-app'),
});

function drainers(product: Product): Drainer[] {
  const peer = (program: string) => () => startPeer(program, product.environment);
  return [
    ours(OURS, product),
    {
      name: "billing by Rascal's subscription",
      role: 'peer',
      start: () => startVariant('rascal-billing', product, 'billing-app'),
    },
    ours(WITH_BAD, product, BAD),
    ours(WITH_LARGE, product, LARGE),
    { name: 'a transaction per message', role: 'peer', part: 0.1, start: peer('backlog-transaction-each') },
    { name: LIMIT, role: 'limit', start: peer('backlog-multi-row') },
  ];
}

function targets(measured: Measured[]): Target[] {
  const throughput = (one: string, other: string) => ratio(named(measured, one), named(measured, other), 'perSecond');
  return [
    ratioTarget(`backlog, throughput / ${LIMIT}`, throughput(OURS, LIMIT), { atLeast: 0.7 }),
    ratioTarget('backlog with 1 in 100 that is no order, throughput / without', throughput(WITH_BAD, OURS), { atLeast: 0.9 }),
  ];
}
