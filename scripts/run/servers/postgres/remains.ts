import type pg from 'pg';
import { connect, type PostgresAddress } from './connection.ts';

/** What a database is called while a restore fills it, and what the former one is from their exchange on. */
export const besides = (name: string) => ({ next: `${name}_restored`, former: `${name}_replaced` });

/** The comment on a database that tells it from one that a user has given such a name. */
const MARK = 'npm run restore drops it';

export const mark = (client: pg.Client, name: string) =>
  client.query(`COMMENT ON DATABASE ${client.escapeIdentifier(name)} IS ${client.escapeLiteral(MARK)}`);

export const unmark = (client: pg.Client, name: string) =>
  client.query(`COMMENT ON DATABASE ${client.escapeIdentifier(name)} IS NULL`);

/** Those of them that are there, and that a user has made. */
export async function unmarked(server: PostgresAddress, names: string[]): Promise<string[]> {
  const client = await connect(server);
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database WHERE datname = ANY($1) AND shobj_description(oid, 'pg_database') IS DISTINCT FROM $2`,
      [names, MARK],
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

export async function dropDatabases(client: pg.Client, all: string[]): Promise<void> {
  for (const name of all) await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
}

/** Drops what a restore that was interrupted has left beside those databases. A former one comes back where there is no present one. */
export async function dropRemains(server: PostgresAddress, names: string[]): Promise<void> {
  const client = await connect(server);
  try {
    const { rows } = await client.query<{ name: string; marked: boolean }>(
      `SELECT datname AS name, shobj_description(oid, 'pg_database') IS NOT DISTINCT FROM $1 AS marked FROM pg_database`,
      [MARK],
    );
    const has = (name: string) => rows.some((row) => row.name === name);
    const isRemains = (name: string) => rows.some((row) => row.name === name && row.marked) && !names.includes(name);
    for (const name of names) {
      const { next, former } = besides(name);
      if (isRemains(next)) await dropDatabases(client, [next]);
      if (!isRemains(former)) continue;
      if (has(name)) await dropDatabases(client, [former]);
      else await client.query(`ALTER DATABASE ${client.escapeIdentifier(former)} RENAME TO ${client.escapeIdentifier(name)}`);
    }
  } finally {
    await client.end();
  }
}
