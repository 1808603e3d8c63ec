import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBackup } from '../../../operate/backup/manifest.ts';
import { restoreBackup } from '../../../operate/backup/restoration.ts';
import { writeBackup } from '../../../operate/backup/write-backup.ts';
import { singleStack } from '../../../operate/operated-stack.ts';
import { checkout } from '../../checkout.mjs';
import { databases } from '../../servers/migrations.ts';
import { listApps } from '../../servers/pm2/apps.ts';
import { findDaemon, pm2 } from '../../servers/pm2/daemon.ts';
import { anyFreePort, freePort } from '../../servers/ports.ts';
import { connect } from '../../servers/postgres/connection.ts';
import { findPostgres } from '../../servers/postgres/postgres.ts';
import { waitFor } from '../../servers/process.ts';
import { findBroker } from '../../servers/rabbitmq/node-files.ts';
import { controlProgram } from '../../servers/rabbitmq/rabbitmq.ts';
import type { Report } from '../../terminal/report.ts';
import { type Environment, savedEnvironment } from '../environment.ts';
import { startStack, stopStack } from '../stack.ts';
import { stackStatus } from '../status.ts';

/** Two stacks of one computer, which look for their ports in the same place. */
const root = join(checkout, '.local', 'stacks', String(process.pid));
const said: string[] = [];
const report: Report = { step: (_name, work) => work(() => {}), note: (text) => void said.push(text) };

interface Stack {
  home: string;
  own: Record<string, string>;
  environment: Environment;
}
let [a, b]: Stack[] = [];

async function describeStack(name: string, ports: Record<string, string>): Promise<Stack> {
  const own = { ...ports, API_GATEWAY_PORT: String(await anyFreePort()), INVENTORY_PORT: String(await anyFreePort()) };
  return { home: join(root, name), own: { ...own, LOG_LEVEL: 'warn' }, environment: {} };
}

async function start(stack: Stack, more: Record<string, string> = {}): Promise<void> {
  stack.environment = (await startStack(stack.home, { ...stack.own, ...more }, report)).environment;
}

async function post(stack: Stack, path: string, body: object, headers: Record<string, string> = {}): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${stack.environment.API_GATEWAY_PORT}/api/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await answer.body?.cancel();
  return answer.status;
}

const postOrder = (stack: Stack) => post(stack, 'billing', { user_id: 7, number_of_items: 1, total_amount: 1 });

async function count(stack: Stack, table: 'movies' | 'orders', condition = 'true'): Promise<number> {
  const name = stack.environment[`${table.toUpperCase()}_DB_NAME`];
  const client = await connect(findPostgres(stack.home)!, name);
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int FROM ${table} WHERE ${condition}`);
  await client.end();
  return rows[0]!.count;
}

const ordersOf = (stack: Stack, user: number) => count(stack, 'orders', `user_id = ${user}`);

const arrived = (stack: Stack, orders: number) => waitFor(30_000, async () => (await count(stack, 'orders')) === orders);

/** As the out-of-memory killer does; what Erlang leaves behind too, so that every port is free for others. */
async function killServers({ home }: Stack): Promise<void> {
  const { pid, epmdPid } = JSON.parse(readFileSync(join(home, 'rabbitmq', 'broker.json'), 'utf8'));
  for (const one of [pid, epmdPid, findPostgres(home)!.pid]) process.kill(one, 'SIGKILL');
  await waitFor(10_000, () => !findPostgres(home) && !findBroker(home));
}

const portsOf = ({ environment }: Stack) => [environment.MOVIES_DB_PORT, environment.RABBITMQ_PORT];

beforeAll(async () => {
  mkdirSync(root, { recursive: true });
  const first = await freePort(10_000 + (process.pid % 20_000), 20); // no port that outgoing connections may have for a moment
  const ports = { LOCAL_POSTGRES_PORT: String(first), LOCAL_RABBITMQ_PORT: String(first + 4) };
  [a, b] = [await describeStack('a', ports), await describeStack('b', ports)];
  await Promise.all([start(a), start(b)]);
});
afterAll(async () => {
  await Promise.all([a, b].map((stack) => stack && stopStack(stack.home, report)));
  rmSync(root, { recursive: true, force: true });
});

describe('two stacks on one computer', () => {
  test('that start at the same moment have servers and orders of their own', async () => {
    expect(new Set([...portsOf(a!), ...portsOf(b!)]).size).toBe(4);
    for (let i = 0; i < 5; i++) expect(await postOrder(a!)).toBe(200);
    await arrived(a!, 5);
    expect([await count(a!, 'orders'), await count(b!, 'orders')]).toEqual([5, 0]);
  });

  test('a copy of a running one has nothing that runs', () => {
    const copy = join(root, 'copy');
    cpSync(a!.home, copy, { recursive: true, filter: (path) => !/\.sock$/.test(path) });
    expect([findPostgres(copy), findBroker(copy), findDaemon(copy), savedEnvironment(copy)]).toEqual(Array(4).fill(undefined));
  });

  test('one whose servers were killed talks to no other that got their ports, and the next start mends it', async () => {
    await stopStack(b!.home, report);
    const former = portsOf(a!);
    await killServers(a!);
    await start(b!);
    expect(portsOf(b!)).toEqual(former);

    expect([await postOrder(a!), await post(a!, 'movies', { title: 'Of a' })]).toEqual([503, 503]);
    expect([await count(b!, 'orders'), await count(b!, 'movies')]).toEqual([0, 0]);
    const findings = (await stackStatus(a!.home)).flatMap(({ finding }) => finding ?? []);
    expect(findings).toEqual([
      expect.stringContaining(`rabbitmq is down, and its port ${former[1]} is used by`),
      expect.stringContaining(`postgresql is down, and its port ${former[0]} is used by`),
    ]);

    await start(a!);
    expect(said.join('\n')).toContain(`PostgreSQL is down, and its port ${former[0]} is used by`);
    expect([await postOrder(a!), await post(a!, 'movies', { title: 'Of a' })]).toEqual([200, 201]);
    expect(await arrived(a!, 6)).toBe(true);
    expect([await count(b!, 'orders'), await count(b!, 'movies')]).toEqual([0, 0]);
  });

  test('one that wants the gateway port of the other says so, and disturbs it not', async () => {
    await stopStack(b!.home, report);
    await expect(start(b!, { API_GATEWAY_PORT: a!.own.API_GATEWAY_PORT! })).rejects.toThrow(
      /^Port \d+ \(API_GATEWAY_PORT\) is taken/,
    );
    expect(await postOrder(a!)).toBe(200);
    expect(await arrived(a!, 7)).toBe(true);
  });
});

test('what is there and does nothing is named, also PM2, which would answer for the services', async () => {
  const pids = new Map((await stackStatus(a!.home)).map(({ name, pid }) => [name, pid!]));
  const daemon = findDaemon(a!.home)!;
  const frozen = ['billing_app', 'rabbitmq', 'postgresql'].map((name) => pids.get(name)!);
  const findings = async () => (await stackStatus(a!.home)).map(({ name, state, finding }) => ({ name, state, finding }));
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  try {
    const found = await findings();
    expect(found.filter(({ state }) => state === 'frozen').map(({ name }) => name)).toEqual([
      'billing_app',
      'rabbitmq',
      'postgresql',
    ]);
    expect(found[1]!.finding).toMatch(/^billing_app \(process \d+\) is stopped by a signal: kill -CONT/);

    process.kill(daemon, 'SIGSTOP');
    const unheard = await findings();
    expect(unheard.at(-1)!.finding).toMatch(new RegExp(`^PM2 \\(process ${daemon}\\) does not answer\\. End it with kill -9`));
    expect(unheard[0]).toEqual({ name: 'api_gateway', state: 'unknown', finding: undefined });
  } finally {
    for (const pid of [...frozen, daemon]) process.kill(pid, 'SIGCONT');
  }
});

describe('a start beside what runs', () => {
  test('brings a killed broker back, and ends when orders are taken again', async () => {
    const before = await count(a!, 'orders');
    process.kill(findBroker(a!.home)!.pid, 'SIGKILL');
    await waitFor(10_000, () => !findBroker(a!.home));
    await start(a!);
    expect(await postOrder(a!)).toBe(200);
    expect(await arrived(a!, before + 1)).toBe(true);
  });

  test('runs as many processes of a service as are wanted, and all of them work', async () => {
    const rows = async () => (await stackStatus(a!.home)).map(({ name, state }) => `${name} ${state}`).slice(0, -2);
    const before = await count(a!, 'orders');
    await start(a!, { API_GATEWAY_INSTANCES: '2', BILLING_INSTANCES: '2' });
    expect(await rows()).toEqual([
      'api_gateway 0 online',
      'api_gateway 1 online',
      'billing_app 0 online',
      'billing_app 1 online',
      'inventory_app online',
    ]);

    const all = await listApps(a!.home);
    const second = (name: string) => String(all.find((app) => app.name === name && app.instance === 1)!.id);
    await pm2(a!.home, ['stop', second('api_gateway')]);
    await pm2(a!.home, ['delete', second('billing_app')]);
    await start(a!);
    expect((await listApps(a!.home)).map(({ name, status, instance }) => `${name} ${instance} ${status}`).sort()).toEqual(
      all.map(({ name, instance }) => `${name} ${instance} online`).sort(),
    );
    const undisturbed = (await listApps(a!.home)).filter(({ pid }) => all.some((app) => app.pid === pid));
    expect(undisturbed.map(({ name }) => name).sort()).toEqual(['api_gateway', 'billing_app', 'inventory_app']);

    await start(a!, { API_GATEWAY_INSTANCES: '1', BILLING_INSTANCES: '1' });
    expect(await rows()).toEqual(['api_gateway online', 'billing_app online', 'inventory_app online']);
    expect(await postOrder(a!)).toBe(200);
    expect(await arrived(a!, before + 1)).toBe(true);
  });

  test('restarts what has old settings and nothing else, and tables change hands with a new name', async () => {
    const pids = async () => new Map((await stackStatus(a!.home)).map(({ name, pid }) => [name, pid]));
    const before = await pids();
    const orders = await count(a!, 'orders');
    said.length = 0;
    await start(a!, { ORDERS_DB_USER: 'another_owner' });
    expect(said).toEqual([expect.stringMatching(/^ORDERS_DB_USER is another_owner now/)]);
    expect(await postOrder(a!)).toBe(200);
    expect(await arrived(a!, orders + 1)).toBe(true);
    const after = await pids();
    expect([...after].filter(([name, pid]) => before.get(name) !== pid).map(([name]) => name)).toEqual(['billing_app']);
    expect(databases.map(({ prefix }) => a!.environment[`${prefix}_USER`])).toEqual(['movies_owner', 'another_owner']);
  });
});

test('one whose data were deleted is all there again after a backup is restored', { timeout: 120_000 }, async () => {
  /** What a backup holds, in an order that does not depend on where the servers keep it. */
  const backUp = async (name: string) => {
    const folder = join(root, name);
    await writeBackup(singleStack(a!.home), folder, report);
    const read = (file: string) => readFileSync(join(folder, file), 'utf8');
    const lists = Object.entries<object[]>(JSON.parse(read('definitions.json'))).filter(([, list]) => Array.isArray(list));
    const definitions = lists.map(([kind, list]) => [kind, list.map((one) => JSON.stringify(withoutHash(one))).sort()]);
    return [definitions, ...['movies_db.sql', 'orders_db.sql'].map((file) => read(file).split('\n').sort())];
  };
  const withoutHash = (one: object) => ({ ...one, password_hash: undefined }); // a home has passwords of its own
  const once = { 'Idempotency-Key': 'before-the-backup' };
  await post(a!, 'movies', { title: 'À bout de souffle\t🎬', description: '\\.\n' });
  expect(await post(a!, 'billing', { user_id: 8, number_of_items: 2, total_amount: 0.1 }, once)).toBe(200);
  const { program, env, cwd } = (await controlProgram(a!.home))!;
  const own = ['set_policy', '--vhost', a!.environment.RABBITMQ_VHOST!, 'of-an-operator', '^mine$', '{"max-length":7}'];
  execFileSync(program, own, { env, cwd, stdio: 'ignore' });
  const orders = await waitFor(30_000, async () => (await ordersOf(a!, 8)) && count(a!, 'orders'));
  const before = await backUp('backup');

  await stopStack(a!.home, report);
  rmSync(a!.home, { recursive: true });
  const folder = join(root, 'backup');
  await restoreBackup(singleStack(a!.home), a!.own, { folder, manifest: await readBackup(folder) }, report);
  a!.environment = savedEnvironment(a!.home)!;
  expect(await backUp('backup-again')).toEqual(before);

  expect(await post(a!, 'billing', { user_id: 8, number_of_items: 2, total_amount: 0.1 }, once)).toBe(200);
  expect(await postOrder(a!)).toBe(200);
  expect(await arrived(a!, orders! + 1)).toBe(true);
  expect(await ordersOf(a!, 8)).toBe(1);
});
