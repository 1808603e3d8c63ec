import { anyFreePort } from '../../../run/servers/ports.ts';
import { findPostgres } from '../../../run/servers/postgres/postgres.ts';
import { findBroker } from '../../../run/servers/rabbitmq/node-files.ts';
import { median } from '../../statistics.ts';
import { type Costs, capacityTable } from '../capacity.ts';
import { ORDER } from '../load/broker.ts';
import { databaseOf, FILMS, fillMovies, filmId, withDatabase } from '../load/database.ts';
import { draining } from '../load/drain.ts';
import { httpRequest, load } from '../load/load.ts';
import { type ManagedWork, underPm2 } from '../load/under-pm2.ts';
import { answers, startPeer, startService, untilReady } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { figure, ratio } from '../report/figures.ts';
import { comparison } from '../report/tables.ts';
import { ratioTarget } from '../report/targets.ts';
import { CONNECTIONS, type Measured, measure, type Plan } from '../rounds.ts';

const COUNTS = [1, 2, 4];
const PLAN: Plan = { starts: 3, warmUp: 5, seconds: 2 };
/** What more processes of a service cost, and what a computer takes with as many as it has processors. */
export const instances: Question = {
  name: 'instances',
  takesLong: true,
  async ask(bench: Bench): Promise<Result> {
    await withDatabase(databaseOf(bench.ours.environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const upstreamPort = String(await anyFreePort());
    const upstream = startPeer('upstream', { PORT: upstreamPort });
    try {
      await untilReady('The upstream', upstream, () => answers(`http://127.0.0.1:${upstreamPort}/api/movies/1`));
      const works = worksOf(bench.ours, upstreamPort);
      const measured: Measured[][] = [];
      for (const work of works) {
        bench.say(work.name);
        measured.push(await measureCounts(bench, work));
      }
      const [film, order, byId] = measured as [Measured[], Measured[], Measured[]];
      const [drained] = await measureBacklog(bench);
      return {
        title: 'More processes of a service',
        method: `Run by PM2 as \`npm start\` does it, with ${COUNTS.join(', ')} processes (\`API_GATEWAY_INSTANCES\`, \`INVENTORY_INSTANCES\`), on ${CONNECTIONS} connections that come one after the other and stay open. The processor time is that of all processes together. A gateway stands before a small server that answers a fixed film; an order is answered when the broker has confirmed it. Each turn begins with ${PLAN.warmUp} seconds of load for each process, since each compiles for itself. Where load, broker, database and all processes share few processors, the throughput cannot grow, and each process is put aside in mid-work again and again, which costs processor time of its own.`,
        tables: [
          ...works.map(({ name, unit }, i) => comparison(measured[i]!, { title: name, unit })),
          capacityTable(costsOf(film[0]!, order[0]!, byId[0]!, drained!)),
        ],
        panels: [],
        notes: NOTES,
        targets: works.flatMap(({ name }, i) => targets(name, measured[i]!)),
      };
    } finally {
      await upstream.stop();
    }
  },
};

function worksOf({ home }: Product, upstreamPort: string): ManagedWork[] {
  const gateway = { workspace: 'api-gateway', app: 'api_gateway', port: 'API_GATEWAY_PORT', instances: 'API_GATEWAY_INSTANCES' };
  const film = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  const order = httpRequest('POST', '/api/billing', ORDER);
  return [
    {
      ...gateway,
      name: 'A film through the gateway',
      request: () => httpRequest('GET', '/api/movies/1'),
      isReady: film,
      own: { INVENTORY_PORT: upstreamPort },
    },
    {
      ...gateway,
      name: 'A confirmed order',
      unit: 'order',
      request: () => order,
      isReady: async (port) => (await load({ port, request: () => order, connections: 1, seconds: 0.05 })).failed === 0,
      alongside: { broker: findBroker(home)!.pid },
    },
    {
      name: 'A film by id, by inventory itself',
      workspace: 'inventory-app',
      app: 'inventory_app',
      port: 'INVENTORY_PORT',
      instances: 'INVENTORY_INSTANCES',
      request: (n) => httpRequest('GET', `/api/movies/${filmId(n)}`),
      isReady: film,
      alongside: { database: findPostgres(home)!.pid },
    },
  ];
}

function measureCounts(bench: Bench, work: ManagedWork): Promise<Measured[]> {
  const plan = bench.quick ? { starts: 1, warmUp: 0.5, seconds: 0.5 } : PLAN;
  // Each process compiles for itself, and of four each sees a quarter of the load.
  const planOf = (count: number) => ({ ...plan, warmUp: plan.warmUp * count });
  const contenders = COUNTS.map((count) => underPm2(bench.ours, work, count, planOf(count)));
  return measure(contenders, plan.starts, bench.say);
}

function measureBacklog(bench: Bench): Promise<Measured[]> {
  const { home } = bench.ours;
  const billing = draining(
    bench.ours,
    {
      name: 'billing',
      role: 'ours',
      start: () => startService(bench.ours, 'billing-app'),
      alongside: { broker: findBroker(home)!.pid, database: findPostgres(home)!.pid },
    },
    bench.quick ? 10_000 : 50_000,
  );
  return measure([billing], bench.quick ? 1 : 3, bench.say);
}

/** Microseconds of processor time for a film and for an order, by the part that takes it. */
function costsOf(film: Measured, order: Measured, byId: Measured, drained: Measured): Costs {
  const own = (one: Measured) => figure(one, 'cpu').median;
  const beside = ({ turns }: Measured, name: string) => median(turns.map(({ alongside }) => alongside[name]!));
  return {
    film: { gateway: own(film), inventory: own(byId), PostgreSQL: beside(byId, 'database') },
    order: {
      gateway: own(order),
      RabbitMQ: beside(order, 'broker') + beside(drained, 'broker'),
      billing: own(drained),
      PostgreSQL: beside(drained, 'database'),
    },
  };
}

const targets = (what: string, [one, ...more]: Measured[]): Target[] =>
  more.map((several) => ratioTarget(`${what}, CPU with ${several.name} / one`, ratio(several, one!, 'cpu'), { atMost: 1.05 }));

const NOTES = `What more processes cost here is mostly this computer's: with two processors, four gateways, load, broker and database take turns, and each finds its caches cold. And a process that
has fewer requests at a time does less for each turn of its event loop. How much is the compiler's was seen by accident: with 8 seconds of load before each turn, for all processes together,
four gateways took 2.82 times the processor time of one for an order, with 5 seconds for each process 1.62. So a process that has just been started costs more for its first ten thousand requests;
more of them than processors cost and give nothing.`;
