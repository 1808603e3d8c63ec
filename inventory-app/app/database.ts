import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import type { Config } from './config.ts';
import { type Movie, Prisma, PrismaClient } from './generated/client.ts';
import { again, PatientPool } from './handover.ts';
import { DirectQueryError } from './query-errors.ts';

export type Database = ReturnType<typeof openDatabase>;

/** What SQL answers of a film: every field of the model in schema.prisma. */
export const MOVIE_COLUMNS = Object.keys(Prisma.MovieScalarFieldEnum).join(', ');

/**
 * Connects with the first query, and again after a connection was lost. Where films are read elsewhere, that place must have what was
 * answered as written: a client finds what it has just added (docs/cluster.md).
 */
export function openDatabase(config: Config['database']) {
  const pool = openPool(config, config);
  const readers = config.readers ? openPool(config, config.readers) : pool;
  const pools = new Set([pool, readers]);
  const adapter = new PrismaPg(pool, { statementNameGenerator: statementNames(), disposeExternalPool: true });
  const client = new PrismaClient({ adapter, errorFormat: 'minimal' });
  const retried = <T>(work: () => Promise<T>, onlyReads?: boolean) =>
    config.handoverTimeout > 0 ? again(work, config.handoverTimeout, onlyReads) : work();
  const ask = <Row extends pg.QueryResultRow>(statement: Statement, values: unknown[]) =>
    retried(() => query<Row>(statement.writes ? pool : readers, statement, values), !statement.writes);
  let checking: Promise<string | undefined> | undefined; // one at a time, however long a frozen database takes
  return {
    place: { host: config.host, port: config.port, name: config.name },
    /** Sets Prisma's engine up and makes every connection, for which no client should wait: seconds on a busy machine. */
    async warmUp() {
      await client.movie.findFirst({ where: { id: 0 } });
      await Promise.all([...pools].flatMap((one) => Array.from({ length: config.connections }, () => one.query('SELECT'))));
    },
    /** Why films cannot be read, or nothing. */
    check(): Promise<string | undefined> {
      // That one of them stops says nothing of the others: what leads clients here would break off those that wait meanwhile.
      checking ??= check(ask(READINESS, [])).finally(() => {
        checking = undefined;
      });
      return checking;
    },
    /** How many connections there are, and how many queries wait for one. */
    usage() {
      const sum = (of: (pool: pg.Pool) => number) => [...pools].reduce((total, one) => total + of(one), 0);
      return {
        busy: sum(({ totalCount, idleCount }) => totalCount - idleCount),
        idle: sum(({ idleCount }) => idleCount),
        waiting: sum(({ waitingCount }) => waitingCount),
      };
    },
    /** The film as it is then, or nothing where there is none. */
    update: async (id: number, data: Prisma.MovieUpdateManyMutationInput): Promise<Movie | undefined> =>
      (await retried(() => client.movie.updateManyAndReturn({ where: { id }, data })))[0],
    /** Whether there was one. */
    delete: async (id: number): Promise<boolean> => (await retried(() => client.movie.deleteMany({ where: { id } }))).count > 0,
    deleteAll: async (): Promise<number> => retried(() => client.$executeRaw`TRUNCATE movies`), // at once for any number of rows; ids go on
    query: ask,
    async close() {
      await client.$disconnect();
      if (readers !== pool) await readers.end();
    },
  };
}

function openPool(config: Config['database'], { host, port }: { host: string; port: number }): pg.Pool {
  const options: pg.PoolConfig = {
    host,
    port,
    database: config.name,
    user: config.user,
    password: config.password,
    max: config.connections,
    // Where the password is changed on one node after the other, who is connected stays (docs/cluster.md).
    idleTimeoutMillis: config.handoverTimeout > 0 ? 0 : 60_000,
    keepAlive: true,
    connectionTimeoutMillis: config.connectTimeout,
    statement_timeout: config.queryTimeout,
    query_timeout: config.queryTimeout + 250, // for a server that is frozen, and so cannot keep its own limit
    // A search needs the plan for its text, not one for any text: that one would not use the index.
    // Random reads are nearly as cheap as sequential ones, on an SSD or in memory.
    options: '-c plan_cache_mode=force_custom_plan -c random_page_cost=1.1',
  };
  const pool = config.handoverTimeout > 0 ? new PatientPool(options, config.handoverTimeout) : new pg.Pool(options);
  pool.on('error', () => {}); // an idle connection was lost: the next query makes another one
  return pool;
}

/** A query with $1, $2, …, which a connection keeps prepared under its name. */
export interface Statement {
  name: string;
  text: string;
  writes?: true;
}

/**
 * Films are read and added past Prisma, over the same connections: it would take more processor time than all the rest of an
 * answer (docs/decisions/reading-past-prisma.md). The result is typed by who asks.
 */
async function query<Row extends pg.QueryResultRow>(pool: pg.Pool, statement: Statement, values: unknown[]): Promise<Row[]> {
  try {
    return (await pool.query<Row>({ ...statement, values })).rows;
  } catch (error) {
    throw new DirectQueryError(error);
  }
}

async function check(read: Promise<unknown>): Promise<string | undefined> {
  try {
    await read;
    return undefined;
  } catch (error) {
    const { code } = (error as DirectQueryError).cause;
    return code === '42P01' ? 'has no table of films: its migrations are missing' : 'cannot be reached';
  }
}

const READINESS: Statement = { name: 'readiness', text: 'SELECT id FROM movies LIMIT 1' };

/** Names the statements that a connection keeps prepared. */
function statementNames() {
  const names = new Map<string, string>();
  return ({ sql, args }: { sql: string; args: unknown[] }): string => {
    // Prisma collects reads by id of one moment into one query with a list of ids: a statement for every length.
    if (args.length > 5) return '';
    const name = names.get(sql) ?? `s${names.size}`;
    names.set(sql, name);
    return name;
  };
}
