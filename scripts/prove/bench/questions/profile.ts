import { anyFreePort } from '../../../run/servers/ports.ts';
import { ORDER, purge } from '../load/broker.ts';
import { databaseOf, FILMS, fillMovies, withDatabase } from '../load/database.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp, type Server } from '../load/load-turn.ts';
import { answers, startPeer, startService, untilReady } from '../processes.ts';
import { type Profile, profiled, readProfile } from '../profile.ts';
import type { Bench, Question, Result, Table } from '../question.ts';
import { CONNECTIONS, planFor } from '../rounds.ts';
import { OPERATIONS } from './inventory.ts';
import { takesOrders } from './orders.ts';

interface Operation {
  name: string;
  unit: string;
  limit: string;
  /** Gives ours and the limit, with these variables beside their own. */
  servers(bench: Bench, upstream: number): ((variables: Record<string, string>) => Server)[];
  request: (n: number) => Buffer;
  isReady: (port: number) => Promise<boolean>;
}

const gateway =
  (bench: Bench, upstream?: number) =>
  (variables: Record<string, string>): Server => ({
    name: 'ours',
    role: 'ours',
    start: (port) =>
      startService(bench.ours, 'api-gateway', {
        ...variables,
        API_GATEWAY_PORT: port,
        ...(upstream ? { INVENTORY_PORT: String(upstream) } : {}),
      }),
  });

const inventory =
  (bench: Bench) =>
  (variables: Record<string, string>): Server => ({
    name: 'ours',
    role: 'ours',
    start: (port) => startService(bench.ours, 'inventory-app', { ...variables, INVENTORY_PORT: port }),
  });

const limit =
  (name: string, program: string, own: Record<string, string>) =>
  (variables: Record<string, string>): Server => ({
    name,
    role: 'limit',
    start: (PORT) => startPeer(program, { ...own, ...variables, PORT }),
  });

const servesFilms = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);

const throughGateway: Operation[] = [
  {
    name: 'A film through the gateway',
    unit: 'request',
    limit: 'Koa + undici by hand',
    servers: (bench, upstream) => [
      gateway(bench, upstream),
      limit('Koa + undici by hand', 'koa-undici', { UPSTREAM: `http://127.0.0.1:${upstream}` }),
    ],
    request: () => httpRequest('GET', '/api/movies/1'),
    isReady: servesFilms,
  },
  {
    name: 'A confirmed order',
    unit: 'order',
    limit: 'Koa + raw confirm channel',
    servers: (bench, upstream) => [
      gateway(bench, upstream),
      limit('Koa + raw confirm channel', 'order-koa-confirm', { ...bench.ours.environment }),
    ],
    request: () => httpRequest('POST', '/api/billing', ORDER),
    isReady: takesOrders,
  },
];

const ofInventory = OPERATIONS.filter(({ short }) => short !== 'film created').map(
  ({ name, request }): Operation => ({
    name,
    unit: 'request',
    limit: 'Koa + pg by hand',
    servers: (bench) => [inventory(bench), limit('Koa + pg by hand', 'inventory-koa-pg', { ...bench.ours.environment })],
    request,
    isReady: servesFilms,
  }),
);

/** Where the processor time goes, beside that of the limit: what a ratio consists of. */
export const profile: Question = {
  name: 'profile',
  takesLong: true,
  async ask(bench: Bench): Promise<Result> {
    await withDatabase(databaseOf(bench.ours.environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const upstreamPort = await anyFreePort();
    const upstream = startPeer('upstream', { PORT: String(upstreamPort) });
    const tables: Table[] = [];
    try {
      await untilReady('The upstream', upstream, () => answers(`http://127.0.0.1:${upstreamPort}/api/movies/1`));
      for (const operation of [...throughGateway, ...ofInventory]) {
        bench.say(operation.name);
        tables.push(await ask(operation, bench, upstreamPort));
      }
    } finally {
      await upstream.stop();
    }
    return {
      title: 'Where the time goes',
      method: `One start of each under \`--cpu-prof\`, on ${CONNECTIONS} connections: the time in which a function was on top of the stack, by the package that it belongs to, in µs for each request. It is time on the clock: what a thread waits for a processor counts too, above all in a write, which wakes its reader. "V8 and Node's native code" holds system calls, the parsing of HTTP, and the compiler. What is below 1 µs in both is *other*.`,
      notes: NOTES,
      tables,
      panels: [],
      targets: [],
    };
  },
};

async function ask({ name, unit, limit, servers, request, isReady }: Operation, bench: Bench, upstream: number): Promise<Table> {
  const plan = planFor(bench);
  const profiles: Profile[] = [];
  for (const server of servers(bench, upstream)) {
    const { variables, folder } = profiled();
    const { units } = await overHttp(server(variables), { plan, request, isReady }).turn();
    profiles.push(readProfile(folder, plan.seconds, units));
    if (unit === 'order') await purge(bench.ours.environment);
  }
  return { title: `${name}, µs for each ${unit}`, ...rows(profiles, ['this project', limit]) };
}

function rows(profiles: Profile[], names: string[]): Pick<Table, 'columns' | 'rows'> {
  const all = [...new Set(profiles.flatMap((one) => [...one.keys()]))];
  const of = (name: string) => profiles.map((one) => one.get(name) ?? 0);
  const large = all.filter((name) => of(name).some((value) => value >= 1));
  large.sort((a, b) => of(b)[0]! - of(a)[0]!);
  const other = profiles.map((one) =>
    all.filter((name) => !large.includes(name)).reduce((sum, name) => sum + (one.get(name) ?? 0), 0),
  );
  const sums = profiles.map((one) => [...one.values()].reduce((sum, value) => sum + value, 0));
  const cells = (values: number[]) => values.map((value) => value.toFixed(1));
  return {
    columns: ['', ...names],
    rows: [...large.map((name) => [name, ...cells(of(name))]), ['other', ...cells(other)], ['sum', ...cells(sums)]],
  };
}

const NOTES = `What the ratios consist of, and what was tried:

- **A film, an order.** Ours besides checks, an id and a trace for each request, one log line, limits and timeouts, and a problem document
  for each failure. None of it is a peak; see the decisions on [the proxy](decisions/movies-proxy.md) and [the publisher](decisions/publisher.md).
- **A film by id, a search.** The same, and a Koa with more layers than the peer's one. Prisma is not in the way: [reading past Prisma](decisions/reading-past-prisma.md).
- **The list** is read page by page, so that it takes the same little memory at any length; the peer holds it whole, in twice the memory.
  \`perf\` shows a third of ours in V8's marking: \`--max-old-space-size=384\` lets the old space grow by a third only before it is collected.
  With 3000 instead of 384 the list is 18 % faster and the process 75 MB larger, with 768 and 1536 2 to 5 % and 8 to 16 MB; memory was given
  preference. Pages of 200 films halve the collections and cost as much in queries. What the pages no longer are is copied: 15 % more lists a second.
- **Young generation.** 16 MB instead of 4 make the list 10 % cheaper and a film created 8 %, a film by id and a search not, for 15 to 20 MB.`;
