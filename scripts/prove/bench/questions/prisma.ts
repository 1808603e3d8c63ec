import { join } from 'node:path';
import { checkout } from '../../../run/checkout.mjs';
import { anyFreePort } from '../../../run/servers/ports.ts';
import { answers, nodeArguments, type Role, type Running, run, startService, untilReady } from '../contender.ts';
import { databaseOf, fillMovies, withDatabase } from '../database.ts';
import { httpRequest } from '../load.ts';
import type { Bench, Question, Result, Table } from '../question.ts';
import { CONNECTIONS, comparison, cpuPanel, type Measured, measure, overHttp } from '../rounds.ts';

const FILMS = 1000;
const OURS = 'past Prisma, as it ships';

const READS: { name: string; request: (n: number) => Buffer }[] = [
  { name: 'A film by id', request: (n) => httpRequest('GET', `/api/movies/${1 + ((n * 7919) % FILMS)}`) },
  { name: 'A search that finds ten', request: () => httpRequest('GET', '/api/movies?title=zanzibar') },
  { name: `The whole list of ${FILMS.toLocaleString('en')} films`, request: () => httpRequest('GET', '/api/movies') },
];

/** What reading past Prisma is worth: docs/decisions/reading-past-prisma.md decides by these figures. */
export const prisma: Question = {
  name: 'prisma',
  async ask(bench: Bench): Promise<Result> {
    const { environment } = bench;
    await withDatabase(databaseOf(environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const services: { name: string; role: Role; port: number; running: Running }[] = [];
    try {
      const add = async (name: string, role: Role, start: (own: Record<string, string>) => Running) => {
        const port = await anyFreePort();
        const running = start({ ...environment, INVENTORY_PORT: String(port) });
        services.push({ name, role, port, running });
        await untilReady(name, running, () => answers(`http://127.0.0.1:${port}/api/movies/1`));
      };
      const variant = (name: string) => (own: Record<string, string>) =>
        run(
          `prisma-${name}`,
          process.execPath,
          [...nodeArguments('inventory-app'), 'prisma-inventory.ts'],
          join(checkout, 'scripts/prove/bench'),
          {
            ...own,
            VARIANT: name,
          },
        );
      await add(OURS, 'ours', (own) => startService('inventory-app', own));
      await add('the same statements by $queryRaw', 'peer', variant('queryRaw'));
      await add("Prisma's findUnique and findMany", 'peer', variant('findMany'));

      const tables: Table[] = [];
      const measured: Measured[][] = [];
      for (const { name, request } of READS) {
        bench.say(name);
        const contenders = services.map(({ port, ...service }) => ({ ...service, drive: overHttp(port, request) }));
        const plan = bench.quick ? { rounds: 2, seconds: 1, warmUp: 2.5 } : { rounds: 5, seconds: 2, warmUp: 4 };
        measured.push(await measure(bench, contenders, plan));
        tables.push(comparison(measured.at(-1)!, name));
      }
      return {
        title: 'Reading past Prisma',
        method: `Inventory as it ships, and with only its reading exchanged, on ${CONNECTIONS} connections that stay open. Each has ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films, and keeps its statements prepared.`,
        tables,
        panels: READS.map(({ name }, i) => cpuPanel(measured[i]!, `${name}: CPU time per request`)),
        targets: [],
      };
    } finally {
      await Promise.all(services.map(({ running }) => running.stop()));
    }
  },
};
