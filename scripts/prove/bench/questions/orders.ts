import { availableParallelism } from 'node:os';
import { findBroker } from '../../../run/servers/rabbitmq/node-files.ts';
import { median } from '../../statistics.ts';
import type { Contender, Role } from '../contender.ts';
import { ORDER, purge } from '../load/broker.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp, type Server, type Work } from '../load/load-turn.ts';
import { rawChannel } from '../load/raw-channel.ts';
import { startPeer, startService } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Table, Target } from '../question.ts';
import { figure, named, ratio } from '../report/figures.ts';
import { comparison, cpuPanel, throughputPanel } from '../report/tables.ts';
import { amountTarget, ratioTarget, STARTS, steadinessTarget } from '../report/targets.ts';
import { CONNECTIONS, type Measured, measure, ORDERS_PER_SECOND, PACED, type Plan, planFor } from '../rounds.ts';

const OURS = 'this gateway';
const RASCAL = 'Koa + Rascal, default pool';
const BY_HAND = 'Koa + raw confirm channel';
const RAW = 'raw confirm channel, no HTTP';

export const orders: Question = {
  name: 'orders',
  works: [
    {
      name: 'order',
      unit: 'order',
      measure: (bench, products) => measureRevisions(bench, planFor(bench, STARTS), products),
    },
    {
      name: `order, ${ORDERS_PER_SECOND} a second`,
      unit: 'order',
      measure: (bench, products) => measureRevisions(bench, PACED, products, { rate: ORDERS_PER_SECOND }),
    },
  ],
  async ask(bench: Bench): Promise<Result> {
    const plan = planFor(bench, STARTS);
    const measured = await measure(contenders(bench.ours, plan), plan.starts, bench.say);
    const perSecond = (name: string) => figure(named(measured, name), 'perSecond').median;
    return {
      title: 'A confirmed order',
      method: `POST of an order on ${CONNECTIONS} connections that stay open, answered when the broker has confirmed the message: persistent, into the same durable quorum queue for all. The limit of the stack is a raw confirm channel behind Koa; the limit of broker and client is the same channel with ${CONNECTIONS} messages under way and no HTTP before it, which costs what no answer over HTTP can. Nobody consumes meanwhile; the queue is emptied after every turn.`,
      tables: [comparison(measured, { unit: 'order' }), everyProcess(measured)],
      notes: notes(perSecond(BY_HAND) / perSecond(RAW), perSecond(BY_HAND) / perSecond(RASCAL)),
      panels: [throughputPanel(measured, 'Confirmed orders', 'orders'), cpuPanel(measured, 'CPU time per order')],
      targets: targets(measured),
    };
  },
};

function measureRevisions(bench: Bench, plan: Plan, products: Product[], pace: Pace = {}): Promise<Measured[]> {
  const contenders = products.map((product) => overBroker(ours(product.name, product), product, plan, pace));
  return measure(contenders, plan.starts, bench.say);
}

const ours = (name: string, product: Product): Server => ({
  name,
  role: 'ours',
  start: (port) => startService(product, 'api-gateway', { API_GATEWAY_PORT: port }),
});

function contenders(product: Product, plan: Plan): Contender[] {
  const { environment, home } = product;
  const broker = findBroker(home)!.pid;
  const peer = (name: string, program: string, role: Role = 'peer'): Server => ({
    name,
    role,
    start: (PORT) => startPeer(program, { ...environment, PORT }),
  });
  const servers = [
    ours(OURS, product),
    peer(RASCAL, 'order-rascal'),
    peer('a connection per request', 'order-connection-each'),
    peer(BY_HAND, 'order-koa-confirm', 'limit'),
  ];
  return [
    ...servers.map((server) => overBroker(server, product, plan, { alongside: { broker, load: process.pid } })),
    rawChannel(RAW, product, plan, broker),
  ];
}

type Pace = Pick<Work, 'rate' | 'alongside'>;

const overBroker = (server: Server, { environment }: Product, plan: Plan, pace: Pace): Contender =>
  overHttp(server, {
    ...pace,
    plan,
    request: () => postOrder,
    isReady: takesOrders,
    afterwards: () => purge(environment),
  });

const postOrder = httpRequest('POST', '/api/billing', ORDER);

/** Whether a gateway there answers an order with 2xx. */
export async function takesOrders(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/billing`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(ORDER),
  });
  await answer.body?.cancel();
  return answer.ok;
}

/** Where the processors go. On few of them the sum is what bounds the throughput, whatever the process under test does. */
function everyProcess(measured: Measured[]): Table {
  const processors = availableParallelism();
  return {
    title: `Processor time of all that takes part in an order, and the throughput at which it fills ${processors} processors`,
    columns: ['', 'process itself', 'broker', 'load', 'sum', 'at most orders/s'],
    rows: measured.map((one) => {
      const of = (name: string) => median(one.turns.map(({ alongside }) => alongside[name] ?? 0));
      const parts = [figure(one, 'cpu').median, of('broker'), of('load')];
      const sum = parts.reduce((total, part) => total + part);
      return [one.name, ...[...parts, sum].map((value) => `${value.toFixed(0)} µs`), ((processors * 1e6) / sum).toFixed(0)];
    }),
  };
}

function targets(measured: Measured[]): Target[] {
  const of = (name: string) => named(measured, name);
  const throughput = (name: string) => ratio(of(OURS), of(name), 'perSecond');
  return [
    ratioTarget(`order, CPU / ${BY_HAND}, which checks and logs nothing`, ratio(of(OURS), of(BY_HAND), 'cpu'), { atMost: 1.5 }),
    ratioTarget(`order, throughput / ${BY_HAND}`, throughput(BY_HAND), { atLeast: 0.6 }),
    ratioTarget(`order, throughput / ${RAW}`, throughput(RAW), { atLeast: 0.6 }),
    ratioTarget(`order, throughput / ${RASCAL}`, throughput(RASCAL), { atLeast: 5 }),
    amountTarget(`order, p99 at ${CONNECTIONS} connections`, figure(of(OURS), 'p99').median, 50, 'ms', 1),
    steadinessTarget('order', of(OURS)),
  ];
}

/** What the limit of the stack, Koa with a raw confirm channel, itself reaches of the two figures that others set. */
const notes = (ofRaw: number, ofRascal: number) => `What bounds these figures:

- **The limit of the stack.** \`Koa + raw confirm channel\` checks nothing, logs nothing and hands the body on. In this run it reaches ${ofRaw.toFixed(2)} of the channel
  without HTTP, where the target for the gateway is 0.6, and ${ofRascal.toFixed(1)} times Rascal's publications, where it is 5.
- **Against the channel without HTTP.** That one needs 9 to 16 µs of its thread for an order. An HTTP server in Node needs more than that for the request
  alone. A gateway is one thread, so it cannot do more than a second divided by its own column, and broker and
  load share the processors with it.
- **Against Rascal's publications.** Its default pool has five channels, each with one message under way, so it gives five orders for
  each round trip to the broker's disk; the gateway has all ${CONNECTIONS} under way. The ratio is therefore as large as a confirm is slow: where it takes
  2 ms, as here, both are bound by the processors; where a disk or a replica takes 10 ms, five channels give 500 orders/s whatever the processor.
- **What was tried.** A profile of the gateway under this load has no peak: writing the answer to the socket 9 %, writing to the broker 8 %, collecting garbage 4 %,
  encoding the AMQP header table 3 %, the access log 4 %, JSON and its checks 4 %, and the rest spread over Node's HTTP server, Koa, the router and the promises.
  Gathering log lines before they are counted took 10 µs off; one publication for several orders would break the rule that each is confirmed by itself.`;
