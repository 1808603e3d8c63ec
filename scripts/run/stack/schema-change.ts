import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate, prisma } from '../servers/migrations.ts';
import { connect, type Postgres } from '../servers/postgres/connection.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Environment } from './environment.ts';

/** A service's folder, with `prisma/`, and its database on a running server. */
export interface Target {
  folder: string;
  prefix: 'MOVIES_DB' | 'ORDERS_DB';
  server: Postgres;
  environment: Environment;
  signal: AbortSignal;
}

const migrationsOf = (folder: string) => join(folder, 'prisma', 'migrations');
const databaseOf = ({ prefix, environment }: Target) => environment[`${prefix}_NAME`]!;

/**
 * Makes the change of `schema.prisma` a migration of that name, applies it and generates the client. Gives the migration's
 * folder name and SQL. Throws a Failure when there is nothing to change, or it cannot be applied; then nothing has changed.
 */
export async function changeSchema(target: Target, name: string, now = new Date()): Promise<{ migration: string; sql: string }> {
  const { folder, environment, signal } = target;
  await migrate(folder, environment, signal);
  const difference = await drift(target);
  if (difference) throw new Failure(driftSentence(target, difference));
  const sql = await withShadow(target, (shadowed) =>
    prisma(
      folder,
      ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--to-schema', 'prisma/schema.prisma', '--script'],
      shadowed,
      signal,
    ),
  );
  if (sql.trim() === '' || sql.includes('-- This is an empty migration.')) {
    throw new Failure('prisma/schema.prisma asks for nothing that the migrations do not have: change it first.');
  }
  await tryOut(target, sql);
  const migration = `${now.toISOString().replace(/\D/g, '').slice(0, 14)}_${name.replace(/\W+/g, '_')}`;
  const file = join(migrationsOf(folder), migration, 'migration.sql');
  mkdirSync(join(file, '..'));
  try {
    writeFileSync(file, sql);
    await migrate(folder, environment, signal);
  } catch (error) {
    if (!(await applied(target)).has(migration)) rmSync(join(file, '..'), { recursive: true });
    throw error;
  }
  const checksum = createHash('sha256').update(sql).digest('hex');
  appendFileSync(join(migrationsOf(folder), 'checksums.txt'), `${checksum}  ${migration}/migration.sql\n`);
  await prisma(folder, ['generate'], environment, signal);
  return { migration, sql };
}

/** What is to be said of the migrations of a service, in one sentence. */
export async function migrationStatus(target: Target): Promise<string> {
  const done = await applied(target);
  const names = readdirSync(migrationsOf(target.folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const database = databaseOf(target);
  const changed = names.filter((name) => {
    const sql = readFileSync(join(migrationsOf(target.folder), name, 'migration.sql'));
    return done.has(name) && done.get(name) !== createHash('sha256').update(sql).digest('hex');
  });
  if (changed.length > 0)
    return `${database}: ${changed.join(', ')} was changed after it had been applied: git checkout brings the file back.`;
  const missing = names.filter((name) => !done.has(name));
  if (missing.length > 0) return `${database}: ${missing.join(', ')} is not applied yet: npm start applies it.`;
  const difference = await drift(target);
  return difference
    ? driftSentence(target, difference)
    : `${database}: all ${names.length} migrations are applied, and it is what they say.`;
}

const driftSentence = (target: Target, difference: string) =>
  `${databaseOf(target)} is not what its migrations say (${difference.replace(/\s+/g, ' ').trim()}): undo by hand what was changed by hand, or delete all local data with npm run reset.`;

/** How the database differs from its migrations, in words; undefined when it does not. */
async function drift(target: Target): Promise<string | undefined> {
  const command = ['migrate', 'diff', '--from-migrations', 'prisma/migrations', '--to-config-datasource'];
  const summary = await withShadow(target, (shadowed) => prisma(target.folder, command, shadowed, target.signal));
  return /No difference detected/.test(summary) ? undefined : summary;
}

/** The migrations that the database has, and the checksum of each. */
async function applied(target: Target): Promise<Map<string, string>> {
  const client = await connect(target.server, databaseOf(target));
  try {
    const { rows } = await client.query<{ name: string; checksum: string }>(
      'SELECT migration_name AS name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    return new Map(rows.map(({ name, checksum }) => [name, checksum]));
  } finally {
    await client.end();
  }
}

/** Runs the SQL on what the tables hold today, and takes it back. */
async function tryOut(target: Target, sql: string): Promise<void> {
  const client = await connect(target.server, databaseOf(target));
  try {
    await client.query('BEGIN');
    await client.query(sql);
  } catch (error) {
    throw new Failure(
      `The change cannot be applied to what ${databaseOf(target)} holds (${(error as Error).message}), and nothing was changed.`,
    );
  } finally {
    await client.query('ROLLBACK').catch(() => {});
    await client.end();
  }
}

/** Does the work with a database in which Prisma may try the migrations. The service's role may not create one, and so does not. */
async function withShadow<T>(target: Target, work: (environment: Environment) => Promise<T>): Promise<T> {
  const name = `${databaseOf(target)}_shadow`;
  const client = await connect(target.server);
  const [shadow, owner] = [name, target.environment[`${target.prefix}_USER`]!].map((id) => client.escapeIdentifier(id));
  const drop = () => client.query(`DROP DATABASE IF EXISTS ${shadow} WITH (FORCE)`);
  try {
    await drop(); // of a run that was killed
    await client.query(`CREATE DATABASE ${shadow} TEMPLATE template0 OWNER ${owner}`);
    return await work({ ...target.environment, SHADOW_DATABASE_NAME: name });
  } finally {
    await drop();
    await client.end();
  }
}
