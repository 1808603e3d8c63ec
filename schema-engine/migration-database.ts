import { randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, type SqlDriverAdapter, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';

/** Milliseconds: a server that accepts and says nothing must not hold a deployment for ever. */
const CONNECT_TIMEOUT = 15_000;

export const databaseName = (url: string) => decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres';

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

const withDatabase = (url: string, name: string) =>
  Object.assign(new URL(url), { pathname: `/${encodeURIComponent(name)}` }).toString();

/** node-postgres would not understand the parameters that are Prisma's own. */
function connection(url: string): pg.PoolConfig {
  const plain = new URL(url);
  for (const parameter of ['schema', 'connection_limit', 'pool_timeout', 'pgbouncer']) plain.searchParams.delete(parameter);
  return { connectionString: plain.toString(), connectionTimeoutMillis: CONNECT_TIMEOUT };
}

async function runOn(database: string, url: string, sql?: string): Promise<void> {
  const client = new pg.Client(connection(withDatabase(url, database)));
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  try {
    if (sql) await client.query(sql);
  } finally {
    await client.end();
  }
}

export const checkConnection = (url: string) => runOn(databaseName(url), url);
export const createDatabase = (url: string) => runOn('postgres', url, `CREATE DATABASE ${quoted(databaseName(url))}`);
export const dropDatabase = (url: string) => runOn('postgres', url, `DROP DATABASE ${quoted(databaseName(url))} WITH (FORCE)`);

/** Types of the system catalogue that adapter-pg does not know, by oid, and what they can be read as. */
const CHAR = 18; // "char"
const READABLE_AS: Record<number, number> = {
  [CHAR]: 1042, // bpchar
  19: 25, // name: text
  194: 25, // pg_node_tree: text
  1003: 1009, // name[]: text[]
  2278: 25, // void: text
};

/** The parts of PrismaPg's adapter that its types hide. */
type OpenAdapter = SqlDriverAdapter & {
  performIO(query: unknown): Promise<pg.QueryArrayResult>;
  underlyingDriver(): pg.Pool;
  onError(error: unknown): never;
};

async function open(url: string): Promise<SqlDriverAdapter> {
  const schema = new URL(url).searchParams.get('schema') ?? undefined;
  const options = schema && `-c search_path=${quoted(schema).replaceAll(' ', '\\ ')}`;
  // One connection: migrations rely on its state (advisory lock, search_path).
  const factory = new PrismaPg({ ...connection(url), max: 1, options }, { schema });
  const adapter = (await factory.connect()) as unknown as OpenAdapter;

  const performIO = adapter.performIO.bind(adapter);
  let characters: number[] = [];
  adapter.performIO = async (query) => {
    const result = await performIO(query);
    characters = (result.fields ?? []).flatMap((field, at) => (field.dataTypeID === CHAR ? [at] : []));
    for (const field of result.fields ?? []) field.dataTypeID = READABLE_AS[field.dataTypeID] ?? field.dataTypeID;
    return result;
  };
  // The engine reads the kind of a constraint as a character, and panics over text (PostgreSQL 18 shows it NOT NULL as one).
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const at of characters) result.columnTypes[at] = ColumnTypeEnum.Character;
    return result;
  };
  // adapter-pg splits a script at every ';', also inside a function's body. One query runs it whole, in one transaction.
  adapter.executeScript = async (script) => {
    try {
      await adapter.underlyingDriver().query(script);
    } catch (error) {
      adapter.onError(error);
    }
  };
  return adapter;
}

/** The role of a service may not create databases. */
class ShadowDatabaseError extends Error {
  readonly code = 'P3014';
  constructor(cause: Error) {
    super(
      `This needs a shadow database, which could not be created (${cause.message}): use "npm run migrate" of the project, which provides one.`,
      { cause },
    );
  }
}

/** `shadowUrl` absent: a shadow database is made for the occasion, and dropped. */
export function migrationDatabase(url: string, shadowUrl?: string): SqlMigrationAwareDriverAdapterFactory {
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(url),
    // Not PrismaPg's own: it passes the URL along, whose database wins, so that its "shadow" is the main database.
    connectToShadowDb: async () => {
      if (shadowUrl) return open(shadowUrl);
      const name = `prisma_migrate_shadow_db_${randomUUID()}`;
      await runOn('postgres', url, `CREATE DATABASE ${quoted(name)}`).catch((error) => {
        throw new ShadowDatabaseError(error);
      });
      const shadow = await open(withDatabase(url, name));
      const dispose = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await dispose();
        await runOn('postgres', url, `DROP DATABASE IF EXISTS ${quoted(name)} WITH (FORCE)`);
      };
      return shadow;
    },
  };
}

/** For commands that get no URL, such as a diff of two files. */
export function noDatabase(): SqlMigrationAwareDriverAdapterFactory {
  const refuse = () => Promise.reject(new Error('This command needs the URL of a database.'));
  return { provider: 'postgres', adapterName: 'none', connect: refuse, connectToShadowDb: refuse };
}

/** The codes and sentences that the Prisma CLI knows from its native engine. */
export function userFacing(thrown: unknown, url?: string): { message: string; error_code?: string } {
  const error = thrown as NodeJS.ErrnoException | undefined;
  const { hostname, port, username } = new URL(url ?? 'postgresql://unknown');
  switch (error?.code) {
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
      return { error_code: 'P1001', message: `Can't reach database server at \`${hostname}:${port || 5432}\`` };
    case '28P01':
    case '28000':
      return { error_code: 'P1000', message: `Authentication failed: the credentials of \`${username}\` are not valid.` };
    case '3D000':
      return { error_code: 'P1003', message: `Database \`${databaseName(url ?? '')}\` does not exist` };
    case '42P04':
      return { error_code: 'P1009', message: `Database \`${databaseName(url ?? '')}\` already exists` };
  }
  const code = error?.code;
  return { message: String(error?.message ?? thrown), ...(code && /^P\d{4}$/.test(code) && { error_code: code }) };
}
