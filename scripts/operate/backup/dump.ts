import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import type { databases } from '../../run/servers/migrations.ts';
import { copyOut } from './copy.ts';
import { requireMadeByMigrations } from './schema.ts';

type Workspace = (typeof databases)[number]['app'];

/** What a file of rows was made from. */
export interface Dump {
  /** The migrations that the database had, in their order. */
  migrations: string[];
  /** How many of each table. */
  rows: Record<string, number>;
}

const MIGRATIONS = `
  SELECT migration_name AS name FROM _prisma_migrations
  WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`;

/** The tables with the columns that can be written. A table is made after those that it refers to: in this order they can be filled. */
const TABLES = `
  SELECT relname AS name, format('%I.%I', 'public', relname) AS quoted,
    ARRAY(SELECT attname::text FROM pg_attribute
     WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum) AS columns
  FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations'
  ORDER BY oid`;

const SEQUENCES = `SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1`;

/** What a client for large portions is connected with. No limit of time: a COPY takes as long as it takes. */
export async function openDatabase(connection: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5000 });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  return client;
}

/**
 * Writes all rows of the database, as it is at one moment, and the state of its sequences. The file is what psql can read
 * (`psql --single-transaction --file`), into empty tables made by the same migrations.
 */
export async function dumpDatabase(
  app: Workspace,
  connection: pg.ClientConfig,
  file: string,
  progress: (table: string) => void = () => {},
): Promise<Dump> {
  const client = await openDatabase(connection);
  const output = createWriteStream(file, { mode: 0o600, flags: 'wx', flush: true });
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1");
    const migrations = (await client.query<{ name: string }>(MIGRATIONS)).rows.map(({ name }) => name);
    const tables = (await client.query<{ name: string; quoted: string; columns: string[] }>(TABLES)).rows;
    requireMadeByMigrations(app, String(connection.database), migrations, tables);
    const rows: Dump['rows'] = {};
    output.write("SET client_encoding = 'UTF8';\n");
    for (const { name, quoted, columns } of tables) {
      progress(name);
      const written = `${quoted} (${columns.map(pg.escapeIdentifier).join(', ')})`;
      output.write(`COPY ${written} FROM STDIN;\n`);
      rows[name] = await copyOut(client, `COPY ${written} TO STDOUT`, output);
      output.write('\\.\n');
    }
    // After the rows: a sequence knows no snapshot, and must not be behind an id that was read.
    for (const line of await sequenceStates(client)) output.write(`${line}\n`);
    output.end();
    await finished(output);
    return { migrations, rows };
  } finally {
    output.destroy();
    await client.end().catch(() => {});
  }
}

async function sequenceStates(client: pg.Client): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of (await client.query<{ name: string }>(SEQUENCES)).rows) {
    const state = await client.query<{ last_value: string; is_called: boolean }>(`SELECT last_value, is_called FROM ${name}`);
    const { last_value: value, is_called: called } = state.rows[0]!;
    // A sequence that was made by hand is not there when this is run, and left out.
    lines.push(`SELECT pg_catalog.setval(pg_catalog.to_regclass(${pg.escapeLiteral(name)}), ${value}, ${called});`);
  }
  return lines;
}
