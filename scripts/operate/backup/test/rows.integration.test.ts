import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../../../prove/tests/services.ts';
import { databases } from '../../../run/servers/migrations.ts';
import { dropRemains } from '../../../run/servers/postgres/remains.ts';
import { controlProgram } from '../../../run/servers/rabbitmq/rabbitmq.ts';
import type { Environment } from '../../../run/stack/environment.ts';
import type { Report } from '../../../run/terminal/report.ts';
import type { OperatedStack } from '../../operated-stack.ts';
import { dumpDatabase } from '../dump.ts';
import { DEFINITIONS, dumpFile, type Manifest, readBackup, writeManifest } from '../manifest.ts';
import { replaceDatabases, type Target } from '../replacement.ts';
import { connectionTo, writeBackup } from '../write-backup.ts';

const report: Report = { step: (_name, work) => work(() => {}), note: () => {} };

/** Two databases, and a statement in either as the superuser. */
async function createPair() {
  const [films, orders] = [await createTestDatabase('MOVIES_DB'), await createTestDatabase('ORDERS_DB')];
  const { postgres, home } = inject('services');
  const environment: Environment = { ...films.env, ORDERS_DB_NAME: orders.name };
  const run = async (prefix: 'MOVIES_DB' | 'ORDERS_DB', text: string, values?: unknown[]): Promise<string[][]> => {
    const client = new pg.Client({ ...postgres, user: postgres.superuser, database: environment[`${prefix}_NAME`] });
    await client.connect();
    try {
      return (await client.query({ text, values, rowMode: 'array' })).rows;
    } finally {
      await client.end();
    }
  };
  const target: Target = { server: postgres, environment, home };
  return { target, run };
}

type Pair = Awaited<ReturnType<typeof createPair>>;

async function backUp({ target: { environment, home } }: Pair): Promise<{ folder: string; manifest: Manifest }> {
  const folder = mkdtempSync(join(home, 'backup-'));
  const dumps = {} as Manifest['databases'];
  for (const { app, prefix } of databases) {
    const dump = await dumpDatabase(app, connectionTo(prefix, environment), join(folder, dumpFile(prefix)));
    dumps[prefix] = { name: prefix, ...dump };
  }
  writeFileSync(join(folder, DEFINITIONS), '{}');
  await writeManifest(folder, dumps, new Date());
  return { folder, manifest: await readBackup(folder) };
}

/** Every row as PostgreSQL writes it, the sequences, and the migrations. */
async function contentsOf({ run }: Pair) {
  return {
    movies: await run('MOVIES_DB', `SELECT m::text FROM movies m ORDER BY id`),
    orders: await run('ORDERS_DB', 'SELECT o::text FROM orders o ORDER BY id'),
    handled: await run('ORDERS_DB', 'SELECT h::text, handled_at::text FROM handled_messages h ORDER BY message_id'),
    sequences: [
      await run('MOVIES_DB', 'SELECT last_value, is_called FROM movies_id_seq'),
      await run('ORDERS_DB', 'SELECT last_value, is_called FROM orders_id_seq'),
    ],
  };
}

/** Databases beside the two, which only a restore needs. */
const leftOver = ({ target: { environment }, run }: Pair) =>
  run('MOVIES_DB', 'SELECT datname FROM pg_database WHERE starts_with(datname, $1) OR starts_with(datname, $2)', [
    `${environment.MOVIES_DB_NAME}_`,
    `${environment.ORDERS_DB_NAME}_`,
  ]);

const NASTY = [
  '\\.',
  '\\N',
  'NULL',
  '',
  ' ',
  '\t',
  'a\nb',
  'a\r\nb',
  '\\',
  '\\\\n',
  '"',
  "'",
  "');DROP TABLE movies;--",
  '{}',
  '(1,2)',
  ',',
  '🎬🏴󠁧󠁢󠁳󠁣󠁴󠁿',
  'e\u0301',
  '\u2028\u2029\u0085\ufeff',
  '\u0001\u0008\u001f\u007f',
  'COPY public.movies (id) FROM STDIN;',
  '\\.\n\\.\n',
  '\n\\.\n',
  'x'.repeat(300_000),
  'ü\\.\n'.repeat(100_000),
];

const INDEXES = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`;

test('every value, id, handled message and sequence comes back exactly, also into tables that are newer than the backup', async () => {
  const source = await createPair();
  const { run } = source;
  for (const text of NASTY) await run('MOVIES_DB', 'INSERT INTO movies (title, description) VALUES (left($1, 255), $1)', [text]);
  await run('MOVIES_DB', 'DELETE FROM movies WHERE id IN (2, 5)');
  await run('MOVIES_DB', 'CREATE SEQUENCE made_by_hand; GRANT SELECT ON SEQUENCE made_by_hand TO PUBLIC');
  await run('MOVIES_DB', `SELECT nextval('movies_id_seq') FROM generate_series(1, 3)`);
  await run(
    'ORDERS_DB',
    `INSERT INTO orders (id, user_id, number_of_items, total_amount) VALUES (7, 1, 2147483647, 0), (2147483647, 3, 4, 9999999999.99), (9, 1, 1, 0.10)`,
  );
  await run(
    'ORDERS_DB',
    `INSERT INTO handled_messages VALUES ('a\\b', '\\x005c2e0a0dff', '2026-02-03 04:05:06.789012+00'), ($$it's "it"$$, '', '0001-01-01 00:00:00.000001 BC'), (E'\\u2028', '\\x00', 'infinity')`,
  );
  const before = await contentsOf(source);
  const backup = await backUp(source);
  expect(backup.manifest.databases.ORDERS_DB.rows).toEqual({ orders: 3, handled_messages: 3 });

  const other = await createPair();
  await other.run('MOVIES_DB', `INSERT INTO movies (title) VALUES ('Of later')`);
  const indexes = await other.run('MOVIES_DB', INDEXES);
  backup.manifest.databases.MOVIES_DB.migrations.length = 2;
  await replaceDatabases(other.target, backup, report);
  expect(await other.run('MOVIES_DB', INDEXES)).toEqual(indexes);
  expect(await contentsOf(other)).toEqual(before);
  const [id] = await other.run('MOVIES_DB', `INSERT INTO movies (title) VALUES ('The next') RETURNING id`);
  expect(id).toEqual([NASTY.length + 4]);
  expect(await leftOver(other)).toEqual([]);
});

test('a table or column that no migration has made is named before anything is read: no restore could bring it back', async () => {
  const pair = await createPair();
  await pair.run('ORDERS_DB', 'CREATE TABLE keep AS TABLE orders; ALTER TABLE orders ADD COLUMN "Note" text');
  await expect(backUp(pair)).rejects.toThrow(/ has what no migration has made, .*: column orders\.Note, table keep\. Drop it/);
});

test('one that meets a restore fails, and leaves nothing: it would have films of before and orders of after', async () => {
  const pair = await createPair();
  const backup = await backUp(pair);
  const { home, environment } = pair.target;
  const stack: OperatedStack = {
    isCluster: false,
    home,
    title: 'the local stack',
    starts: 'npm start',
    environment: async () => environment,
    controlProgram: () => controlProgram(home),
    gatewayUrl: () => '',
  };
  let restored = false;
  const meeting: Report = {
    ...report,
    async step(_name, work) {
      const result = await work(() => {});
      if (!restored) await replaceDatabases(pair.target, backup, report);
      restored = true;
      return result;
    },
  };
  const folder = join(home, 'of-both');
  await expect(writeBackup(stack, folder, meeting)).rejects.toThrow(/^The databases were replaced meanwhile/);
  expect(existsSync(folder)).toBe(false);
  await writeBackup(stack, folder, report);
  expect((await readBackup(folder)).databases.ORDERS_DB.rows).toEqual({ orders: 0, handled_messages: 0 });
});

test('what a restore left that was interrupted, the next start drops; not what a user has called so, and never the only data', async () => {
  const pair = await createPair();
  const { target, run } = pair;
  const { MOVIES_DB_NAME: films, ORDERS_DB_NAME: orders } = target.environment as {
    MOVIES_DB_NAME: string;
    ORDERS_DB_NAME: string;
  };
  const marks: string[][][] = [];
  const watching: Report = {
    ...report,
    async step(_name, work) {
      marks.push(
        await run('MOVIES_DB', `SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1`, [
          `${films}_restored`,
        ]),
      );
      return work(() => {});
    },
  };
  await replaceDatabases(target, await backUp(pair), watching);
  const [[mark]] = marks[0] as [[string]];

  const make = async (name: string, comment: string) => {
    await run('MOVIES_DB', `CREATE DATABASE "${name}"`);
    await run('MOVIES_DB', `COMMENT ON DATABASE "${name}" IS '${comment}'`);
  };
  await make(`${films}_restored`, mark);
  await make(`${films}_replaced`, mark);
  await make(`${orders}_restored`, 'mine');
  await run('MOVIES_DB', `ALTER DATABASE "${orders}" RENAME TO "${orders}_replaced"`);
  await run('MOVIES_DB', `COMMENT ON DATABASE "${orders}_replaced" IS '${mark}'`);
  await dropRemains(target.server, [films, orders]);
  expect(await leftOver(pair)).toEqual([[`${orders}_restored`]]);
  expect(await run('ORDERS_DB', 'SELECT count(*)::int FROM orders')).toEqual([[0]]);

  await expect(replaceDatabases(target, await backUp(pair), report)).rejects.toThrow(
    `${orders}_restored would be dropped, and no`,
  );
  expect(await leftOver(pair)).toEqual([[`${orders}_restored`]]);
});

test('rows that do not fit the manifest change nothing, and leave nothing over', async () => {
  const pair = await createPair();
  const backup = await backUp(pair);
  await pair.run('MOVIES_DB', `INSERT INTO movies (title) VALUES ('Of later')`);
  backup.manifest.databases.ORDERS_DB.rows.orders = 1;
  await expect(replaceDatabases(pair.target, backup, report)).rejects.toThrow(/^orders has 0 rows and should have 1/);
  expect(await pair.run('MOVIES_DB', 'SELECT title FROM movies')).toEqual([['Of later']]);
  expect(await leftOver(pair)).toEqual([]);
});
