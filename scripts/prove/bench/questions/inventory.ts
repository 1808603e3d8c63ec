import { answers, startPeer, startService } from '../contender.ts';
import { databaseOf, fillMovies, withDatabase } from '../database.ts';
import { httpRequest } from '../load.ts';
import type { Bench, Question, Result, Target } from '../question.ts';
import { CONNECTIONS, comparison, cpuPanel, type Measured, measure, overHttp, ratioTarget } from '../rounds.ts';
import { type Server, withServers } from '../server.ts';

const FILMS = 1000;
const OURS = 'this inventory';
const BY_HAND = 'Koa + pg by hand';
const SEQUELIZE = 'Express + Sequelize';

/** Spread over the table, the same for everyone. */
const id = (n: number) => 1 + ((n * 7919) % FILMS);

const OPERATIONS: { name: string; request: (n: number) => Buffer }[] = [
  { name: 'A film by id', request: (n) => httpRequest('GET', `/api/movies/${id(n)}`) },
  {
    name: 'A film created',
    request: (n) => httpRequest('POST', '/api/movies', { title: `Playtime ${n}`, description: 'Jacques Tati, 1967' }),
  },
  { name: 'A search that finds ten', request: () => httpRequest('GET', '/api/movies?title=zanzibar') },
  { name: `The whole list of ${FILMS.toLocaleString('en')} films`, request: () => httpRequest('GET', '/api/movies') },
];

export const inventory: Question = {
  name: 'inventory',
  async ask(bench: Bench): Promise<Result> {
    await withDatabase(databaseOf(bench.environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const measured = await measureOperations(bench);
    return {
      title: 'Inventory',
      method: `On ${CONNECTIONS} connections that stay open, without the gateway. All three have ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films. Ours checks what it reads and writes an access log; the others do neither.`,
      tables: OPERATIONS.map(({ name }, i) => comparison(measured[i]!, name)),
      panels: OPERATIONS.map(({ name }, i) => cpuPanel(measured[i]!, `${name}: CPU time per request`)),
      targets: targets(measured[0]!),
    };
  },
};

const servers = ({ environment }: Bench): Server[] => [
  { name: OURS, role: 'ours', start: (port) => startService('inventory-app', { ...environment, INVENTORY_PORT: port }) },
  { name: SEQUELIZE, role: 'peer', start: (PORT) => startPeer('inventory-express-sequelize', { ...environment, PORT }) },
  { name: BY_HAND, role: 'limit', start: (PORT) => startPeer('inventory-koa-pg', { ...environment, PORT }) },
];

/** For each operation what each of the servers takes for it. */
function measureOperations(bench: Bench): Promise<Measured[][]> {
  const isReady = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  return withServers(servers(bench), isReady, async (running) => {
    const results: Measured[][] = [];
    for (const { name, request } of OPERATIONS) {
      bench.say(name);
      const contenders = running.map(({ port, ...server }) => ({ ...server, drive: overHttp(port, request) }));
      const plan = bench.quick ? { rounds: 2, seconds: 1, warmUp: 2.5 } : { rounds: 5, seconds: 2, warmUp: 4 };
      results.push(await measure(bench, contenders, { ...plan, afterTurn: () => removeCreated(bench) }));
    }
    return results;
  });
}

const removeCreated = ({ environment }: Bench) =>
  withDatabase(databaseOf(environment, 'MOVIES_DB'), async (client) => {
    await client.query('DELETE FROM movies WHERE id > $1', [FILMS]);
  });

function targets(byId: Measured[]): Target[] {
  const cpu = (name: string) => byId.find((one) => one.name === name)!.cpu;
  return [
    ratioTarget(`film by id, CPU of ours / ${BY_HAND}`, cpu(OURS) / cpu(BY_HAND), { atMost: 1.6 }),
    ratioTarget(`film by id, CPU of ours / ${SEQUELIZE}`, cpu(OURS) / cpu(SEQUELIZE), 'ahead'),
  ];
}
