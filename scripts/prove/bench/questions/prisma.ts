import { join } from 'node:path';
import { checkout } from '../../../run/checkout.mjs';
import { answers, nodeArguments, type Running, run, startService } from '../contender.ts';
import { databaseOf, fillMovies, withDatabase } from '../database.ts';
import { httpRequest } from '../load.ts';
import type { Bench, Question, Result } from '../question.ts';
import { CONNECTIONS, comparison, cpuPanel, type Measured, measure, overHttp } from '../rounds.ts';
import { type Server, withServers } from '../server.ts';

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
    await withDatabase(databaseOf(bench.environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const measured = await measureReads(bench);
    return {
      title: 'Reading past Prisma',
      method: `Inventory as it ships, and with only its reading exchanged, on ${CONNECTIONS} connections that stay open. Each has ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films, and keeps its statements prepared.`,
      tables: READS.map(({ name }, i) => comparison(measured[i]!, name)),
      panels: READS.map(({ name }, i) => cpuPanel(measured[i]!, `${name}: CPU time per request`)),
      targets: [],
    };
  },
};

function servers({ environment }: Bench): Server[] {
  const variant = (name: string, VARIANT: string): Server => ({
    name,
    role: 'peer',
    start: (port) => startVariant(VARIANT, { ...environment, INVENTORY_PORT: port }),
  });
  return [
    { name: OURS, role: 'ours', start: (port) => startService('inventory-app', { ...environment, INVENTORY_PORT: port }) },
    variant('the same statements by $queryRaw', 'queryRaw'),
    variant("Prisma's findUnique and findMany", 'findMany'),
  ];
}

/** Inventory with its reading exchanged. */
function startVariant(VARIANT: string, environment: Record<string, string>): Running {
  const args = [...nodeArguments('inventory-app'), 'prisma-inventory.ts'];
  const folder = join(checkout, 'scripts/prove/bench');
  return run(`prisma-${VARIANT}`, process.execPath, args, folder, { ...environment, VARIANT });
}

/** For each kind of read what each of the servers takes for it. */
function measureReads(bench: Bench): Promise<Measured[][]> {
  const isReady = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  return withServers(servers(bench), isReady, async (running) => {
    const results: Measured[][] = [];
    for (const { name, request } of READS) {
      bench.say(name);
      const contenders = running.map(({ port, ...server }) => ({ ...server, drive: overHttp(port, request) }));
      const plan = bench.quick ? { rounds: 2, seconds: 1, warmUp: 2.5 } : { rounds: 5, seconds: 2, warmUp: 4 };
      results.push(await measure(bench, contenders, plan));
    }
    return results;
  });
}
