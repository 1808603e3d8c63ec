import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { copyOfService } from '../../../prove/tests/service-copy.ts';
import { createTestDatabase } from '../../../prove/tests/services.ts';
import { databases } from '../../servers/migrations.ts';
import { changeSchema, migrationStatus, type Target } from '../schema-change.ts';

async function query(database: string, text: string) {
  const { postgres } = inject('services');
  const client = new pg.Client({ ...postgres, user: postgres.superuser, database });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function targetFor({ app, prefix }: (typeof databases)[number], signal = new AbortController().signal) {
  const { name, env } = await createTestDatabase(prefix);
  const server = { ...inject('services').postgres, pid: 0, stop: async () => {}, kill: async () => {} };
  const target: Target = { folder: copyOfService(app), prefix, server, environment: env, signal };
  const schema = join(target.folder, 'prisma', 'schema.prisma');
  const addField = (field: string) =>
    writeFileSync(schema, readFileSync(schema, 'utf8').replace(/^(\s+id .*)$/m, `$1\n${field}`));
  return { name, target, addField };
}

const migrationsIn = ({ folder }: Target) => readdirSync(join(folder, 'prisma', 'migrations')).sort();
const shadowsOf = (name: string) =>
  query('postgres', `SELECT datname FROM pg_database WHERE datname LIKE '${name}\\_%' OR datname LIKE 'prisma%'`);

test.each(databases)('a new field of $app is in the table and in the client, and nothing is left over', async (database) => {
  const { name, target, addField } = await targetFor(database);
  addField('year Int?');
  const { migration, sql } = await changeSchema(target, 'add-year');
  expect(migration).toMatch(/^\d{14}_add_year$/);
  expect(sql).toMatch(/ADD COLUMN\s+"year" INTEGER/);
  expect(await query(name, `SELECT data_type FROM information_schema.columns WHERE column_name = 'year'`)).toEqual([
    { data_type: 'integer' },
  ]);
  expect(readFileSync(join(target.folder, 'app', 'generated', 'client.ts'), 'utf8')).toContain('PrismaClient');
  expect(readFileSync(join(target.folder, 'app', 'generated', 'internal', 'class.ts'), 'utf8')).toContain('year');
  execFileSync('sha256sum', ['--check', '--quiet', 'checksums.txt'], { cwd: join(target.folder, 'prisma', 'migrations') });
  expect(await shadowsOf(name)).toEqual([]);
  expect(await migrationStatus(target)).toMatch(/all \d+ migrations are applied/);
});

test('what cannot be applied, a drift and no change are told in a sentence and leave nothing', async () => {
  const { name, target, addField } = await targetFor(databases[0]);
  const before = migrationsIn(target);
  await expect(changeSchema(target, 'nothing')).rejects.toThrow(/change it first/);
  await query(name, `INSERT INTO movies (title) VALUES ('Playtime')`);
  addField('year Int');
  await expect(changeSchema(target, 'add-year')).rejects.toThrow(/contains null values\), and nothing was changed/);
  await query(name, 'ALTER TABLE movies ADD COLUMN by_hand text');
  await expect(changeSchema(target, 'add-year')).rejects.toThrow(/is not what its migrations say.*by_hand.*npm run reset/s);
  expect(await migrationStatus(target)).toMatch(/is not what its migrations say/);
  expect(migrationsIn(target)).toEqual(before);
  expect(await shadowsOf(name)).toEqual([]);
});

test('an interrupted change leaves nothing', async () => {
  const stop = new AbortController();
  const { name, target, addField } = await targetFor(databases[0], stop.signal);
  addField('year Int?');
  const before = migrationsIn(target);
  const change = changeSchema(target, 'add-year');
  const failed = expect(change).rejects.toThrow();
  await expect.poll(() => shadowsOf(name), { timeout: 30_000, interval: 20 }).not.toEqual([]);
  stop.abort();
  await failed;
  expect(migrationsIn(target)).toEqual(before);
  expect(await shadowsOf(name)).toEqual([]);
});
