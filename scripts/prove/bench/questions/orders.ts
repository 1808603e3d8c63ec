import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { findBroker } from '../../../run/servers/rabbitmq/node-files.ts';
import { ORDER, purge } from '../broker.ts';
import { benchHome, type Role, type Running, startPeer, startService } from '../contender.ts';
import { httpRequest, type LoadResult, summary } from '../load.ts';
import type { Bench, Question, Result, Table, Target } from '../question.ts';
import {
  CONNECTIONS,
  type Contender,
  comparison,
  cpuPanel,
  type Measured,
  measure,
  overHttp,
  ratioTarget,
  throughputPanel,
} from '../rounds.ts';
import { type Server, withServers } from '../server.ts';

const OURS = 'this gateway';
const RASCAL = 'Koa + Rascal, default pool';
const BY_HAND = 'Koa + raw confirm channel';
const RAW = 'raw confirm channel, no HTTP';

export const orders: Question = {
  name: 'orders',
  async ask(bench: Bench): Promise<Result> {
    const measured = await measureOrders(bench);
    const perSecond = (name: string) => measured.find((one) => one.name === name)!.perSecond;
    return {
      title: 'A confirmed order',
      method: `POST of an order on ${CONNECTIONS} connections that stay open, answered when the broker has confirmed the message: persistent, into the same durable quorum queue for all. The limit of the stack is a raw confirm channel behind Koa; the limit of broker and client is the same channel with ${CONNECTIONS} messages under way and no HTTP before it, which costs what no answer over HTTP can. Nobody consumes meanwhile; the queue is emptied after every turn.`,
      tables: [comparison(measured), everyProcess(measured)],
      notes: notes(perSecond(BY_HAND) / perSecond(RAW), perSecond(BY_HAND) / perSecond(RASCAL)),
      panels: [throughputPanel(measured, 'Confirmed orders'), cpuPanel(measured, 'CPU time per order')],
      targets: targets(measured),
    };
  },
};

function servers({ environment }: Bench): Server[] {
  const peer = (name: string, program: string, role: Role = 'peer'): Server => ({
    name,
    role,
    start: (PORT) => startPeer(program, { ...environment, PORT }),
  });
  return [
    { name: OURS, role: 'ours', start: (port) => startService('api-gateway', { ...environment, API_GATEWAY_PORT: port }) },
    peer(RASCAL, 'order-rascal'),
    peer('a connection per request', 'order-connection-each'),
    peer(BY_HAND, 'order-koa-confirm', 'limit'),
  ];
}

async function measureOrders(bench: Bench): Promise<Measured[]> {
  const { quick, environment } = bench;
  const raw = startPeer('order-raw-confirm', environment);
  try {
    await once(raw.child, 'message', { signal: AbortSignal.timeout(10_000) });
    return await withServers(servers(bench), takesOrders, (running) => {
      const overPort = running.map(({ port, ...server }) => ({ ...server, drive: overHttp(port, () => postOrder) }));
      const contenders: Contender[] = [...overPort, { name: RAW, role: 'limit', running: raw, drive: driveRaw(raw) }];
      return measure(bench, contenders, {
        ...(quick ? { rounds: 2, seconds: 1, warmUp: 1.5 } : { rounds: 5, seconds: 3, warmUp: 4 }),
        afterTurn: () => purge(environment),
        alongside: { broker: findBroker(benchHome)!.pid, load: process.pid },
      });
    });
  } finally {
    await raw.stop();
    await purge(environment);
  }
}

function targets(measured: Measured[]): Target[] {
  const of = (name: string) => measured.find((one) => one.name === name)!;
  const { p99, perSecond } = of(OURS);
  return [
    ratioTarget(`confirmed orders, throughput of ours / ${BY_HAND}`, perSecond / of(BY_HAND).perSecond, { atLeast: 0.6 }),
    ratioTarget(`confirmed orders, throughput of ours / ${RAW}`, perSecond / of(RAW).perSecond, { atLeast: 0.6 }),
    ratioTarget(`throughput of ours / ${RASCAL}`, perSecond / of(RASCAL).perSecond, { atLeast: 5 }),
    {
      what: `p99 of a confirmed order at ${CONNECTIONS} connections`,
      target: 'under 50 ms',
      measured: `${p99.toFixed(1)} ms`,
      met: p99 < 50,
    },
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

/**
 * Where the processors go. On few of them the sum is what bounds the throughput, whatever the process under test does.
 * The raw channel has no load generator: it makes its own load.
 */
function everyProcess(measured: Measured[]): Table {
  const processors = availableParallelism();
  return {
    title: `Processor time of all that takes part in an order, and the throughput at which it fills ${processors} processors`,
    columns: ['', 'process itself', 'broker', 'load', 'sum', 'at most orders/s'],
    rows: measured.map(({ name, cpu, alongside }) => {
      const load = name === RAW ? 0 : alongside.load!;
      const sum = cpu + alongside.broker! + load;
      const microseconds = (value: number) => `${value.toFixed(0)} µs`;
      return [name, ...[cpu, alongside.broker!, load, sum].map(microseconds), ((processors * 1e6) / sum).toFixed(0)];
    }),
  };
}

const postOrder = httpRequest('POST', '/api/billing', ORDER);

async function takesOrders(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/billing`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(ORDER),
  });
  await answer.body?.cancel();
  return answer.ok;
}

const driveRaw =
  ({ child }: Running) =>
  async (seconds: number): Promise<LoadResult> => {
    child.send({ seconds, inFlight: CONNECTIONS, order: ORDER });
    const [{ latencies, seconds: elapsed }] = (await once(child, 'message')) as [{ latencies: number[]; seconds: number }];
    return { failed: 0, ...summary(latencies, elapsed) };
  };
