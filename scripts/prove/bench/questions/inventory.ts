import { anyFreePort } from '../../../run/servers/ports.ts';
import { answers, type Running, startPeer, startService, untilReady } from '../contender.ts';
import { databaseOf, fillMovies, withDatabase } from '../database.ts';
import { httpRequest } from '../load.ts';
import type { Bench, Panel, Question, Result, Table } from '../question.ts';
import { CONNECTIONS, comparison, cpuPanel, type Measured, measure, overHttp, ratioTarget } from '../rounds.ts';

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
    const { environment } = bench;
    const database = databaseOf(environment, 'MOVIES_DB');
    await withDatabase(database, (client) => fillMovies(client, FILMS));

    const services: { name: string; role: 'ours' | 'peer' | 'limit'; port: number; running: Running }[] = [];
    try {
      const add = async (name: string, role: 'ours' | 'peer' | 'limit', start: (port: string) => Running) => {
        const port = await anyFreePort();
        const running = start(String(port));
        services.push({ name, role, port, running });
        await untilReady(name, running, () => answers(`http://127.0.0.1:${port}/api/movies/1`));
      };
      await add(OURS, 'ours', (port) => startService('inventory-app', { ...environment, INVENTORY_PORT: port }));
      await add(SEQUELIZE, 'peer', (port) => startPeer('inventory-express-sequelize', { ...environment, PORT: port }));
      await add(BY_HAND, 'limit', (port) => startPeer('inventory-koa-pg', { ...environment, PORT: port }));

      const tables: Table[] = [];
      const panels: Panel[] = [];
      const results: Measured[][] = [];
      for (const { name, request } of OPERATIONS) {
        bench.say(name);
        const measured = await measure(
          bench,
          services.map(({ port, ...service }) => ({ ...service, drive: overHttp(port, request) })),
          {
            ...(bench.quick ? { rounds: 2, seconds: 1, warmUp: 2.5 } : { rounds: 5, seconds: 2, warmUp: 4 }),
            afterTurn: () => withDatabase(database, (client) => removeCreated(client)),
          },
        );
        results.push(measured);
        tables.push(comparison(measured, name));
        panels.push(cpuPanel(measured, `${name}: CPU time per request`));
      }
      const byId = (name: string) => results[0]!.find((one) => one.name === name)!.cpu;
      return {
        title: 'Inventory',
        method: `On ${CONNECTIONS} connections that stay open, without the gateway. All three have ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films. Ours checks what it reads and writes an access log; the others do neither.`,
        tables,
        panels,
        targets: [
          ratioTarget(`film by id, CPU of ours / ${BY_HAND}`, byId(OURS) / byId(BY_HAND), { atMost: 1.6 }),
          ratioTarget(`film by id, CPU of ours / ${SEQUELIZE}`, byId(OURS) / byId(SEQUELIZE), 'ahead'),
        ],
      };
    } finally {
      await Promise.all(services.map(({ running }) => running.stop()));
    }
  },
};

async function removeCreated(client: { query(text: string, values: unknown[]): Promise<unknown> }): Promise<void> {
  await client.query('DELETE FROM movies WHERE id > $1', [FILMS]);
}
