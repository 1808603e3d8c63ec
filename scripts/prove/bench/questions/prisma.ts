import { databaseOf, FILMS, fillMovies, filmId, withDatabase } from '../load/database.ts';
import { httpRequest } from '../load/load.ts';
import { overHttp, type Server } from '../load/load-turn.ts';
import { answers, startService, startVariant } from '../processes.ts';
import type { Bench, Question, Result } from '../question.ts';
import { comparison, cpuPanel } from '../report/tables.ts';
import { CONNECTIONS, type Measured, measure, planFor } from '../rounds.ts';

const OURS = 'past Prisma, as it ships';

const READS: { name: string; request: (n: number) => Buffer }[] = [
  { name: 'A film by id', request: (n) => httpRequest('GET', `/api/movies/${filmId(n)}`) },
  { name: 'A search that finds ten', request: () => httpRequest('GET', '/api/movies?title=zanzibar') },
  { name: `The whole list of ${FILMS.toLocaleString('en')} films`, request: () => httpRequest('GET', '/api/movies') },
  {
    name: 'A film created',
    request: (n) => httpRequest('POST', '/api/movies', { title: `Playtime ${n}`, description: 'Jacques Tati, 1967' }),
  },
];

/** What reading past Prisma is worth: docs/decisions/reading-past-prisma.md decides by these figures. */
export const prisma: Question = {
  name: 'prisma',
  takesLong: true,
  async ask(bench: Bench): Promise<Result> {
    await withDatabase(databaseOf(bench.ours.environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
    const measured = await measureReads(bench);
    return {
      title: 'Reading past Prisma',
      method: `Inventory as it ships, and with only its reading exchanged, on ${CONNECTIONS} connections that stay open. Each has ten connections to the same PostgreSQL and the same table of ${FILMS.toLocaleString('en')} films, and keeps its statements prepared.`,
      tables: measured.map((one, i) => comparison(one, { title: READS[i]!.name })),
      panels: measured.map((one, i) => cpuPanel(one, `${READS[i]!.name}: CPU time per request`)),
      targets: [],
    };
  },
};

function servers({ ours }: Bench): Server[] {
  const variant = (name: string, VARIANT: string): Server => ({
    name,
    role: 'peer',
    start: (INVENTORY_PORT) => startVariant('prisma-inventory', ours, 'inventory-app', { VARIANT, INVENTORY_PORT }),
  });
  return [
    { name: OURS, role: 'ours', start: (port) => startService(ours, 'inventory-app', { INVENTORY_PORT: port }) },
    variant('the same statements by $queryRaw', 'queryRaw'),
    variant("Prisma's findUnique and findMany", 'findMany'),
  ];
}

/** For each kind of read what each of the servers takes for it; in a hurry only for a film by id. */
async function measureReads(bench: Bench): Promise<Measured[][]> {
  const isReady = (port: number) => answers(`http://127.0.0.1:${port}/api/movies/1`);
  const plan = bench.quick ? { ...planFor(bench), starts: 1 } : planFor(bench);
  const results: Measured[][] = [];
  for (const { name, request } of bench.quick ? READS.slice(0, 1) : READS) {
    bench.say(name);
    const contenders = servers(bench).map((server) => overHttp(server, { plan, isReady, request }));
    results.push(await measure(contenders, plan.starts, bench.say));
  }
  return results;
}
