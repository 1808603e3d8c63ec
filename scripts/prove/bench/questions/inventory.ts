import { databaseOf, FILMS, fillMovies, filmId, withDatabase } from '../load/database.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp, type Server } from '../load/load-turn.ts';
import { answers, startPeer, startService } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench, Question, Result, Target, Work } from '../question.ts';
import { named, ratio } from '../report/figures.ts';
import { comparison, cpuPanel } from '../report/tables.ts';
import { ratioTarget } from '../report/targets.ts';
import { CONNECTIONS, type Measured, measure, planFor } from '../rounds.ts';

const OURS = 'this inventory';
const BY_HAND = 'Koa + pg by hand';
const SEQUELIZE = 'Express + Sequelize';

interface Operation {
  name: string;
  /** In the comparison of revisions. */
  short: string;
  request: (n: number) => Buffer;
}

export const OPERATIONS: Operation[] = [
  { name: 'A film by id', short: 'film by id', request: (n) => httpRequest('GET', `/api/movies/${filmId(n)}`) },
  {
    name: 'A film created',
    short: 'film created',
    request: (n) => httpRequest('POST', '/api/movies', { title: `Playtime ${n}`, description: 'Jacques Tati, 1967' }),
  },
  { name: 'A search that finds ten', short: 'search', request: () => httpRequest('GET', '/api/movies?title=zanzibar') },
  {
    name: `The whole list of ${FILMS.toLocaleString('en')} films`,
    short: 'list',
    request: () => httpRequest('GET', '/api/movies'),
  },
];

export const inventory: Question = {
  name: 'inventory',
  works: OPERATIONS.map(
    (operation): Work => ({
      name: operation.short,
      async measure(bench, products) {
        for (const product of products) await fill(product);
        return measureServers(
          bench,
          operation,
          products.map((product) => ours(product.name, product)),
          products,
        );
      },
    }),
  ),
  async ask(bench: Bench): Promise<Result> {
    await fill(bench.ours);
    const servers = [ours(OURS, bench.ours), ...peers(bench.ours)];
    const measured: Measured[][] = [];
    for (const operation of OPERATIONS) {
      bench.say(operation.name);
      measured.push(await measureServers(bench, operation, servers, [bench.ours]));
    }
    return {
      title: 'Inventory',
      method: `On ${CONNECTIONS} connections that stay open, without the gateway. All three have ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films. Ours checks what it reads and writes an access log; the others do neither.`,
      tables: OPERATIONS.map(({ name }, i) => comparison(measured[i]!, { title: name })),
      panels: OPERATIONS.map(({ name }, i) => cpuPanel(measured[i]!, `${name}: CPU time per request`)),
      targets: targets(measured),
    };
  },
};

const ours = (name: string, product: Product): Server => ({
  name,
  role: 'ours',
  start: (port) => startService(product, 'inventory-app', { INVENTORY_PORT: port }),
});

const peers = ({ environment }: Product): Server[] => [
  { name: SEQUELIZE, role: 'peer', start: (PORT) => startPeer('inventory-express-sequelize', { ...environment, PORT }) },
  { name: BY_HAND, role: 'limit', start: (PORT) => startPeer('inventory-koa-pg', { ...environment, PORT }) },
];

function measureServers(bench: Bench, { request }: Operation, servers: Server[], products: Product[]): Promise<Measured[]> {
  const plan = planFor(bench);
  const work = {
    plan,
    request,
    isReady: (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`),
    afterwards: async () => {
      for (const product of products) await removeCreated(product);
    },
  };
  return measure(
    servers.map((server) => overHttp(server, work)),
    plan.starts,
    bench.say,
  );
}

const fill = ({ environment }: Product) =>
  withDatabase(databaseOf(environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));

const removeCreated = ({ environment }: Product) =>
  withDatabase(databaseOf(environment, 'MOVIES_DB'), async (client) => {
    await client.query('DELETE FROM movies WHERE id > $1', [FILMS]);
  });

function targets([byId, created, search, list]: Measured[][]): Target[] {
  const cpu = (measured: Measured[] | undefined, name: string) => ratio(named(measured!, OURS), named(measured!, name), 'cpu');
  return [
    ratioTarget(`film by id, CPU / ${BY_HAND}`, cpu(byId, BY_HAND), { atMost: 1.25 }),
    ratioTarget(`film by id, CPU / ${SEQUELIZE}`, cpu(byId, SEQUELIZE), 'ahead'),
    ratioTarget(`film created, CPU / ${SEQUELIZE}`, cpu(created, SEQUELIZE), { atMost: 0.85 }),
    ratioTarget(`search, CPU / ${BY_HAND}`, cpu(search, BY_HAND), { atMost: 1.4 }),
    ratioTarget(`list of ${FILMS.toLocaleString('en')}, CPU / ${BY_HAND}`, cpu(list, BY_HAND), { atMost: 1 }),
  ];
}
