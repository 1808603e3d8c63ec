import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { checkout } from '../../run/checkout.mjs';
import { databases, isMigrated, migrate } from '../../run/servers/migrations.ts';
import { connect, type PostgresAddress } from '../../run/servers/postgres/connection.ts';
import { ensureDatabases } from '../../run/servers/postgres/databases.ts';
import { besides, dropDatabases, mark, unmark, unmarked } from '../../run/servers/postgres/remains.ts';
import { withTemporary } from '../../run/servers/temporary.ts';
import type { Environment } from '../../run/stack/environment.ts';
import { settleAll } from '../../run/stack/server-start.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Report } from '../../run/terminal/report.ts';
import { type Dump, openDatabase } from './dump.ts';
import { loadDatabase } from './load.ts';
import { dumpFile, type Manifest, type Prefix } from './manifest.ts';
import { connectionTo, rowsText } from './write-backup.ts';

export interface Backup {
  folder: string;
  manifest: Manifest;
}

/** A running server, and what the databases in it are called. */
export interface Target {
  server: PostgresAddress;
  environment: Environment;
  /** For what is needed for a moment. Inside the checkout, where Prisma finds its packages. */
  home: string;
}

/**
 * Fills new databases from the backup, beside those of the environment, and puts both in their place in one transaction. Until
 * then nothing has changed, whatever happens. Nobody may work on them meanwhile: sessions are ended.
 */
export async function replaceDatabases(target: Target, backup: Backup, report: Report): Promise<void> {
  const { server, environment } = target;
  const all = databases.map(({ prefix }) => environment[`${prefix}_NAME`]!);
  const remains = all.flatMap((name) => Object.values(besides(name))); // of a restore that was interrupted
  requireRoomBesides(environment);
  await requireNobodys(server, remains);
  const next = { ...environment };
  for (const { prefix } of databases) next[`${prefix}_NAME`] = besides(environment[`${prefix}_NAME`]!).next;
  const client = await connect(server);
  try {
    await dropDatabases(client, remains);
    await ensureDatabases(
      server,
      databases.map(({ prefix }) => {
        const [role, password, database] = ['USER', 'PASSWORD', 'NAME'].map((part) => next[`${prefix}_${part}`]!);
        return { role: role!, password: password!, database: database! };
      }),
    );
    for (const name of all) await mark(client, besides(name).next);
    const filling = databases.map((database) =>
      report.step(environment[`${database.prefix}_NAME`]!, (detail) =>
        fill(database, { ...target, environment: next }, backup, detail),
      ),
    );
    await settleAll(filling);
    await swap(client, all);
  } finally {
    await client.query('ROLLBACK').catch(() => {}); // of a swap that failed
    // The reason of a failure is thrown already. What stays, the next start drops, or the next restore.
    await dropDatabases(client, remains).catch(() => {});
    await client.end().catch(() => {});
  }
}

/** A user may have given a database such a name. */
async function requireNobodys(server: PostgresAddress, remains: string[]): Promise<void> {
  const taken = await unmarked(server, remains);
  if (taken.length > 0)
    throw new Failure(
      `${taken.join(' and ')} would be dropped, and no restore has left it there: rename it, or drop it with npm run sql, and run this again.`,
    );
}

/** PostgreSQL cuts a name off behind its 63rd byte: what is dropped as `NAME_restored` would be the present database. */
function requireRoomBesides(environment: Environment): void {
  const keys = databases.map(({ prefix }) => `${prefix}_NAME`);
  const taken = keys.flatMap((key) => Object.values(besides(environment[key]!)));
  for (const key of keys) {
    const name = environment[key]!;
    if (taken.includes(name))
      throw new Failure(`${key} is ${name}: a restore drops a database of that name, beside the other one. Choose another name.`);
    if (Buffer.byteLength(besides(name).next) > 63)
      throw new Failure(
        `${key} is ${name}: a restore makes ${besides(name).next} beside it, so it may have 54 bytes at most. Choose a shorter name, and restore into it: what is stored under the present one stays.`,
      );
  }
}

async function fill(
  { app, prefix }: (typeof databases)[number],
  { server, environment, home }: Target,
  { folder, manifest }: Backup,
  detail: (text: string) => void,
): Promise<void> {
  const dump = manifest.databases[prefix];
  const file = join(folder, dumpFile(prefix));
  const { bytes } = manifest.files[dumpFile(prefix)]!;
  await migrateTo(app, dump.migrations, environment, home);
  try {
    await loadDatabase(connectionTo(prefix, environment), file, (done) => detail(`${Math.floor((done / bytes) * 100)} %`));
  } catch (error) {
    throw new Failure(`${file} could not be loaded (${(error as Error).message}).`);
  }
  await requireRows(prefix, environment, dump.rows); // before newer migrations, which may take rows away, or a table
  if (!(await isMigrated(server, app, environment[`${prefix}_NAME`]!))) await migrate(app, environment);
  detail(rowsText(dump));
}

/** Applies those migrations and no others: the rows fit the tables as they were then. */
async function migrateTo(app: string, migrations: string[], environment: Environment, home: string): Promise<void> {
  const scratch = mkdtempSync(join(home, 'former-tables-'));
  const folder = join(scratch, app);
  await withTemporary(scratch, async () => {
    for (const part of ['prisma', 'prisma.config.mts', 'package.json'])
      cpSync(join(checkout, app, part), join(folder, part), { recursive: true });
    const known = join(folder, 'prisma', 'migrations');
    for (const entry of readdirSync(known, { withFileTypes: true }))
      if (entry.isDirectory() && !migrations.includes(entry.name)) rmSync(join(known, entry.name), { recursive: true });
    await migrate(folder, environment);
  });
}

async function requireRows(prefix: Prefix, environment: Environment, rows: Dump['rows']): Promise<void> {
  const client = await openDatabase(connectionTo(prefix, environment));
  try {
    for (const [table, wanted] of Object.entries(rows)) {
      const result = await client.query<{ count: string }>(`SELECT count(*) FROM ${client.escapeIdentifier(table)}`);
      const count = Number(result.rows[0]!.count);
      if (count !== wanted) throw new Failure(`${table} has ${count} rows and should have ${wanted}: take another backup.`);
    }
  } finally {
    await client.end();
  }
}

/** The databases `NAME_restored` become those of that name: all of them or, when one cannot, none. */
async function swap(client: pg.Client, all: string[]): Promise<void> {
  const rename = (from: string, to: string) =>
    client.query(`ALTER DATABASE ${client.escapeIdentifier(from)} RENAME TO ${client.escapeIdentifier(to)}`);
  const busy = all.flatMap((name) => [name, besides(name).next]);
  await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY($1)', [busy]);
  await client.query('BEGIN');
  for (const name of all) {
    const { next, former } = besides(name);
    await rename(name, former);
    await mark(client, former);
    await rename(next, name);
    await unmark(client, name);
  }
  await client.query('COMMIT');
}
