import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { checkout } from '../../scripts/run/checkout.mjs';
import { migrate } from '../../scripts/run/servers/migrations.ts';
import { anyFreePort } from '../../scripts/run/servers/ports.ts';
import { paths } from '../../scripts/run/servers/postgres/cluster.ts';
import { connect, type Postgres } from '../../scripts/run/servers/postgres/connection.ts';
import { ensureDatabases } from '../../scripts/run/servers/postgres/databases.ts';
import { findPostgres, startPostgres } from '../../scripts/run/servers/postgres/postgres.ts';
import { loadConfig } from '../app/config.ts';
import { type Database, openDatabase } from '../app/database.ts';
import { type IncomingOrder, type Outcome, storeOrders } from '../app/order-store.ts';

// A server of its own: its commits wait for a standby that never comes, for as long as `synchronous_standby_names` names one.
let home: string;
let port: number;
let server: Postgres;
let superuser: pg.Client;
let database: Database;

beforeAll(async () => {
  const folder = join(checkout, '.local', 'test');
  mkdirSync(folder, { recursive: true });
  home = mkdtempSync(join(folder, 'standby-'));
  port = await anyFreePort();
  await start();
  const env = { ...inject('services').env, ORDERS_DB_HOST: server.host, ORDERS_DB_PORT: String(port) };
  const config = loadConfig(env).database;
  await ensureDatabases(server, [{ role: config.user, password: config.password, database: config.database }]);
  await migrate('billing-app', env);
  database = openDatabase(config);
});
beforeEach(() => waitForStandby(false));
afterAll(async () => {
  await database?.$disconnect();
  await findPostgres(home)?.kill();
  rmSync(home, { recursive: true, force: true });
});

async function start(): Promise<void> {
  server = await startPostgres({ home, port, exact: true, settings: { fsync: 'off', log_statement: 'all' } });
  superuser = await connect(server);
}

async function waitForStandby(on: boolean): Promise<void> {
  await superuser.query(`ALTER SYSTEM SET synchronous_standby_names = '${on ? 'nobody' : ''}'`);
  await superuser.query('SELECT pg_reload_conf()');
  if (!on) return; // whatever waits then goes on
  // PostgreSQL's checkpointer tells the sessions, some time after the reload: from the first commit that waits all do.
  const probe = await connect(server);
  const commit = (): Promise<void> => probe.query(`SELECT pg_logical_emit_message(true, 'probe', '')`).then(commit);
  const ended = commit().catch(() => probe.end());
  await expect.poll(() => waitsOf('')).toEqual(['SyncRep']);
  await superuser.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`);
  await ended;
}

/** What the sessions of a program wait for while they run a statement. */
async function waitsOf(program: string): Promise<string[]> {
  const { rows } = await superuser.query<{ wait_event: string }>(
    `SELECT wait_event FROM pg_stat_activity
     WHERE application_name = $1 AND state = 'active' AND wait_event IS NOT NULL ORDER BY wait_event`,
    [program],
  );
  return rows.map(({ wait_event }) => wait_event);
}

const waits = () => waitsOf('billing_app');

const order = (messageId: string, contentHash = '00'): IncomingOrder => ({
  messageId,
  contentHash,
  order: { userId: 1, numberOfItems: 1, totalAmount: '1' },
});

/** Begins to store orders, and tells the outcomes as soon as there are any. */
function begin(...incoming: IncomingOrder[]) {
  const storing = { outcomes: undefined as Outcome[] | undefined, ended: storeOrders(database, incoming) };
  storing.ended.then(
    (outcomes) => {
      storing.outcomes = outcomes;
    },
    () => {},
  );
  return storing;
}

/** Rows of that message id that everybody sees. */
async function remembered(messageId: string): Promise<number> {
  const client = await connect(server, inject('services').env.ORDERS_DB_NAME);
  const { rowCount } = await client.query('SELECT FROM handled_messages WHERE message_id = $1', [messageId]);
  await client.end();
  return rowCount!;
}

test('An order that a crash made visible before a standby had it is neither known nor in conflict until one has it', async () => {
  await waitForStandby(true);
  const first = begin(order('crash'));
  await expect.poll(waits).toEqual(['SyncRep']);
  await server.kill();
  await expect(first.ended).rejects.toThrow();
  await start();
  expect(await remembered('crash')).toBe(1);

  const [same, other] = [begin(order('crash')), begin(order('crash', 'ff'))];
  // One waits for the standby, the other for its turn: sessions that nobody listens to any more do not pile up in the server.
  await expect.poll(waits).toEqual(['SyncRep', 'advisory']);
  expect([same.outcomes, other.outcomes]).toEqual([undefined, undefined]);
  await waitForStandby(false);
  expect([await same.ended, await other.ended]).toEqual([['known'], ['conflict']]);
});

test('An order is not stored, and then not known, when somebody cancels the wait for the standby', async () => {
  await waitForStandby(true);
  for (const attempt of ['insert', 'barrier']) {
    const storing = begin(order('cancelled'));
    await expect.poll(waits, { message: attempt }).toEqual(['SyncRep']);
    await superuser.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`);
    await expect(storing.ended, attempt).rejects.toThrow('canceling wait for synchronous replication');
  }
  await waitForStandby(false);
  expect(await begin(order('cancelled')).ended).toEqual(['known']);
});

test('Orders that are new cost one statement; only with known ones among them one more waits for the standby', async () => {
  const statements = () => readFileSync(paths(home).log, 'utf8').match(/LOG: {2}(execute|statement).*/g) ?? [];
  const countOf = async (incoming: IncomingOrder[]) => {
    const before = statements().length;
    await storeOrders(database, incoming);
    const run = statements().slice(before);
    return { all: run.length, barriers: run.filter((line) => line.includes('pg_logical_emit_message')).length };
  };
  const orders = Array.from({ length: 5 }, (_, index) => order(`new-${index}`));
  expect(await countOf([...orders, orders[0]!])).toEqual({ all: 1, barriers: 0 });
  expect(await countOf([...orders, order('another')])).toEqual({ all: 4, barriers: 1 });
});
