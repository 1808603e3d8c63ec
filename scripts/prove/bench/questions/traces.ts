import { tracing } from '../../../../api-gateway/app/tracing.ts';
import { anyFreePort } from '../../../run/servers/ports.ts';
import { median } from '../../statistics.ts';
import type { Contender } from '../contender.ts';
import { ORDER, purge } from '../load/broker.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp } from '../load/load-turn.ts';
import { answers, startPeer, startService, untilReady } from '../processes.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { figure, type Spread, spread } from '../report/figures.ts';
import { comparison, cpuPanel } from '../report/tables.ts';
import { amountTarget } from '../report/targets.ts';
import { CONNECTIONS, FILMS_PER_SECOND, type Measured, measure, ORDERS_PER_SECOND, type Plan } from '../rounds.ts';
import { takesOrders } from './orders.ts';

const OFF = 'off';
/** With the microseconds that a request may cost more. */
const SAMPLED = [
  { name: '5 % sampled', ratio: '0.05', atMost: 6 },
  { name: 'all sampled', ratio: '1', atMost: 15 },
];

/** Longer than others': with spans there is more to compile, and of a small share of requests only a small share a second is seen. */
const PLAN: Plan = { starts: 5, warmUp: 20, seconds: 4 };
const QUICK: Plan = { ...PLAN, starts: 3 };

/** What a gateway's spans cost. */
export const traces: Question = {
  name: 'traces',
  takesLong: true,
  async ask(bench: Bench): Promise<Result> {
    const plan = bench.quick ? QUICK : PLAN;
    const ports = { upstream: String(await anyFreePort()), receiver: String(await anyFreePort()) };
    const upstream = startPeer('upstream', { PORT: ports.upstream });
    const receiver = startPeer('span-receiver', { PORT: ports.receiver });
    try {
      await untilReady('The upstream', upstream, () => answers(`http://127.0.0.1:${ports.upstream}/api/movies/1`));
      await untilReady('The receiver', receiver, () => answers(`http://127.0.0.1:${ports.receiver}/v1/traces`));
      const films = await measure(filmsThrough(bench, plan, ports), plan.starts, bench.say);
      const orders = await measure(ordersThrough(bench, plan, ports), plan.starts, bench.say);
      return {
        title: 'Traces',
        method: `A film through the gateway (behind it a small server that answers a fixed film) and a confirmed order, on ${CONNECTIONS} connections that stay open, ${FILMS_PER_SECOND} films and ${ORDERS_PER_SECOND} orders a second, the same for all: at full load the slower one finds its peers asleep more often, and waking them costs it up to 10 µs more, which is not its doing. Without \`OTEL_EXPORTER_OTLP_ENDPOINT\`, and with it at two ratios of \`OTEL_TRACES_SAMPLER=parentbased_traceidratio\`. A sampled request has two spans in the gateway; they go as OTLP to a small server that reads and forgets them, every second. What they cost is the gateway's processor time less that of the gateway without them in the same round, the sending included. What a gateway without an endpoint pays is the time of the function that makes a request's ids and looks whether there are spans, measured by itself. Each turn begins with ${plan.warmUp} seconds of full load.`,
        tables: [comparison(films, { title: 'A film' }), comparison(orders, { title: 'An order', unit: 'order' })],
        panels: [cpuPanel(films, 'A film, CPU time'), cpuPanel(orders, 'An order, CPU time')],
        targets: [
          amountTarget('traces off, the ids of a request', await offCost(), 1, 'µs', 2),
          ...targets('film', films),
          ...targets('order', orders),
        ],
      };
    } finally {
      await Promise.all([upstream.stop(), receiver.stop()]);
    }
  },
};

interface Ports {
  upstream: string;
  receiver: string;
}

/** What each is named, and the variables that make it so. */
const variants = ({ receiver }: Ports): [string, Record<string, string>][] => [
  [OFF, {}],
  ...SAMPLED.map(({ name, ratio }): [string, Record<string, string>] => [
    name,
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver}`,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ratio,
      OTEL_BSP_SCHEDULE_DELAY: '1000',
      OTEL_BSP_MAX_QUEUE_SIZE: '100000', // a span that is dropped would cost less
    },
  ]),
];

function filmsThrough({ ours }: Bench, plan: Plan, ports: Ports): Contender[] {
  const film = httpRequest('GET', '/api/movies/1');
  const isReady = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  return variants(ports).map(([name, variables]) => {
    const start = (port: string) =>
      startService(ours, 'api-gateway', { API_GATEWAY_PORT: port, INVENTORY_PORT: ports.upstream, ...variables });
    return overHttp({ name, role: 'ours', start }, { plan, request: () => film, isReady, rate: FILMS_PER_SECOND });
  });
}

function ordersThrough({ ours }: Bench, plan: Plan, ports: Ports): Contender[] {
  const order = httpRequest('POST', '/api/billing', ORDER);
  return variants(ports).map(([name, variables]) => {
    const start = (port: string) => startService(ours, 'api-gateway', { API_GATEWAY_PORT: port, ...variables });
    const afterwards = () => purge(ours.environment);
    return overHttp(
      { name, role: 'ours', start },
      { plan, request: () => order, isReady: takesOrders, rate: ORDERS_PER_SECOND, afterwards },
    );
  });
}

function targets(what: string, [off, ...sampled]: Measured[]): Target[] {
  return sampled.map((one, i) => {
    const { median: more, min, max } = difference(one, off!);
    const target = amountTarget(`${what}, traces, ${one.name}, CPU beyond off`, more, SAMPLED[i]!.atMost, 'µs', 1);
    return { ...target, measured: `${target.value} (${min.toFixed(1)}–${max.toFixed(1)})` };
  });
}

/** Microseconds of processor time: of the medians; least and most are those of the rounds. */
function difference(one: Measured, off: Measured): Spread {
  const cpu = ({ user, system }: { user: number; system: number }) => user + system;
  const rounds = one.turns.map((turn, i) => cpu(turn) - cpu(off.turns[i]!));
  return { ...spread(rounds), median: figure(one, 'cpu').median - figure(off, 'cpu').median };
}

/** Microseconds, of a request that brings no trace. */
async function offCost(): Promise<number> {
  const REQUESTS = 200_000;
  const middleware = tracing(undefined, () => undefined);
  const next = () => Promise.resolve();
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const began = performance.now();
    for (let i = 0; i < REQUESTS; i++) middleware({ req: { headers: {}, url: '/api/movies/1' }, state: {} } as never, next);
    rounds.push(((performance.now() - began) * 1000) / REQUESTS);
  }
  return median(rounds);
}
