// Inventory with one thing exchanged: how it reads films. VARIANT is `findMany` (Prisma's own functions) or `queryRaw` (our
// statements through Prisma). For the question `prisma`, which asks what reading past Prisma is worth.

import { loadEnvironment } from '@crud-master/plumbing/environment';
import { createLog } from '@crud-master/plumbing/log';
import { PrismaPg } from '@prisma/adapter-pg';
import { createApp } from '../../../inventory-app/app/app.ts';
import { loadConfig } from '../../../inventory-app/app/config.ts';
import { type Database, openDatabase } from '../../../inventory-app/app/database.ts';
import { PrismaClient } from '../../../inventory-app/app/generated/client.ts';
import { inventoryHealth } from '../../../inventory-app/app/health.ts';
import { inventoryMetrics } from '../../../inventory-app/app/metrics.ts';

const config = loadConfig(loadEnvironment(new URL('../../../.env', import.meta.url), process.env));
const { host, port, name: database, user, password, connections: max } = config.database;
const names = new Map<string, string>();
const adapter = new PrismaPg(
  { host, port, database, user, password, max, options: '-c plan_cache_mode=force_custom_plan -c random_page_cost=1.1' },
  {
    statementNameGenerator: ({ sql }) => {
      if (!names.has(sql)) names.set(sql, `s${names.size}`);
      return names.get(sql)!;
    },
  },
);
const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });

type Read = (statement: { name: string; text: string }, values: unknown[]) => Promise<unknown[]>;

const queryRaw: Read = ({ text }, values) => prisma.$queryRawUnsafe(text, ...values);

/** Answers each of inventory's statements as Prisma's functions can. */
const findMany: Read = async ({ name }, values) => {
  if (name.startsWith('insert')) {
    const [title, description] = values as [string, string];
    return [await prisma.movie.create({ data: { title, description } })];
  }
  const [first, rows, third] = values as [number, number, string];
  if (name === 'movie-by-id') {
    const film = await prisma.movie.findUnique({ where: { id: first } });
    return film ? [film] : [];
  }
  const title = name === 'search' ? { contains: third.slice(1, -1), mode: 'insensitive' as const } : undefined;
  const films = await prisma.movie.findMany({ where: { id: { gt: first }, title }, orderBy: { id: 'asc' }, take: rows });
  return [
    {
      films: films.length > 0 ? `,${JSON.stringify(films).slice(1, -1)}` : null,
      lastId: films.at(-1)?.id ?? null,
      isLast: films.length < rows,
      ids: films.map(({ id }) => id),
    },
  ];
};

const query = { findMany, queryRaw }[process.env.VARIANT as 'findMany' | 'queryRaw'];
const ours = openDatabase(config.database);
const health = inventoryHealth(ours);
const { watch } = inventoryMetrics(health, ours);
const app = createApp({
  health,
  watch,
  bodyLimit: config.limits.bodyBytes,
  database: { ...ours, query: query as Database['query'] },
  log: createLog('inventory_app', config.logLevel),
});
app.listen(config.listen.port, config.listen.host);
