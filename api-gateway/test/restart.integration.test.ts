import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createTestStack } from '../../scripts/prove/tests/services.ts';
import { checkout } from '../../scripts/run/checkout.mjs';
import { appPids, deleteApp, listApps, reloadApp, restartApp, startApp } from '../../scripts/run/servers/pm2/apps.ts';
import { startDaemon, stopDaemon } from '../../scripts/run/servers/pm2/daemon.ts';
import { anyFreePort } from '../../scripts/run/servers/ports.ts';

const APPS = { api_gateway: 'api-gateway', inventory_app: 'inventory-app', billing_app: 'billing-app' };
let env: Record<string, string>;
let home: string;

/** The real services under a PM2 of their own. */
beforeAll(async () => {
  env = { ...(await createTestStack()), API_GATEWAY_LISTEN_HOST: '127.0.0.1,::1', LOG_LEVEL: 'warn' };
  mkdirSync(join(checkout, '.local'), { recursive: true });
  home = mkdtempSync(join(checkout, '.local', 'restart-'));
  await startDaemon(home);
  await Promise.all(Object.values(APPS).map((workspace) => startApp(home, workspace, env)));
});
afterAll(async () => {
  await stopDaemon(home);
  rmSync(home, { recursive: true });
});

const film = { path: '/api/movies', body: JSON.stringify({ title: 'Restarted' }), table: 'movies' };
const order = {
  path: '/api/billing',
  body: JSON.stringify({ user_id: 1, number_of_items: 1, total_amount: 1 }),
  table: 'orders',
};

/** One POST: its status and the last part of the problem's type, or the code of the error. */
function post({ path, body }: typeof film, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const sent = request({ port: env.API_GATEWAY_PORT, host: '127.0.0.1', method: 'POST', path, headers, agent }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('error', ({ message }) => resolve(message));
      answer.on('end', () => resolve(`${answer.statusCode} ${JSON.parse(text).type?.split(':').at(-1) ?? ''}`.trim()));
    });
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
    sent.end(body);
  });
}

/**
 * What twenty clients get that post films and orders, while `meanwhile` happens: most on a kept connection of their own, and some,
 * with `fresh`, on a new one for each request.
 */
async function underLoad(meanwhile: () => Promise<void>, { fresh = 0 } = {}): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  let over = false;
  const client = async (what: typeof film, keepAlive: boolean) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!over) {
      const outcome = `${what.path} ${await post(what, agent)}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome.includes('ECONNREFUSED') || outcome.includes('503')) await new Promise((next) => setTimeout(next, 20));
    }
    agent.destroy();
  };
  const clients = Array.from({ length: 20 }, (_, i) => client(i % 2 ? film : order, i >= fresh));
  await expect.poll(() => outcomes.get('/api/billing 200') ?? 0).toBeGreaterThan(50);
  await meanwhile();
  const before = outcomes.get('/api/billing 200')!;
  await expect.poll(() => outcomes.get('/api/billing 200')!).toBeGreaterThan(before + 50);
  over = true;
  await Promise.all(clients);
  return outcomes;
}

async function count({ table }: typeof film): Promise<number> {
  const { postgres } = inject('services');
  const database = table === 'movies' ? env.MOVIES_DB_NAME : env.ORDERS_DB_NAME;
  const client = new pg.Client({ ...postgres, user: postgres.superuser, database });
  await client.connect();
  const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int FROM ${table}`);
  await client.end();
  return rows[0]!.count;
}

const processes = () => Object.keys(APPS).map((name) => appPids(home, name));

const reload = (name: keyof typeof APPS, changed: Record<string, string> = {}, instances = 1) =>
  reloadApp(home, { workspace: APPS[name], name, instances }, { ...env, ...changed });

test.each(['api_gateway', 'inventory_app'] as const)(
  'A reload of %s under load fails no request, and loses no film and no order',
  async (name) => {
    const before = [await count(film), await count(order), processes()] as const;
    const outcomes = await underLoad(() => reload(name), { fresh: 10 });
    expect([...outcomes.keys()].sort()).toEqual(['/api/billing 200', '/api/movies 201']);
    expect(await count(film)).toBe(before[0] + outcomes.get('/api/movies 201')!);
    await expect.poll(() => count(order)).toBe(before[1] + outcomes.get('/api/billing 200')!);
    const after = processes();
    expect(Object.keys(APPS).filter((_, i) => after[i]!.join() !== before[2][i]!.join())).toEqual([name]);
  },
);

test('A reload brings changed settings', async () => {
  await reload('inventory_app', { LOG_LEVEL: 'error' });
  const app = (await listApps(home)).find(({ name }) => name === 'inventory_app')!;
  expect(app.environment).toMatchObject({ LOG_LEVEL: 'error', MOVIES_DB_NAME: env.MOVIES_DB_NAME });
});

test('A restart of inventory under load breaks no film: it is stored, or refused as long as nobody is there', async () => {
  const outcomes = await underLoad(() => restartApp(home, 'inventory_app'));
  for (const outcome of outcomes.keys())
    expect(['/api/movies 201', '/api/movies 503 inventory-unreachable', '/api/billing 200']).toContain(outcome);
});

test('A restart of the gateway under load breaks no request, and refuses no order once it takes connections', async () => {
  const outcomes = await underLoad(() => restartApp(home, 'api_gateway'));
  for (const outcome of outcomes.keys()) expect(outcome).toMatch(/^\/api\/(movies 201|billing 200|\w+ ECONNREFUSED .*)$/);
});

describe('With two instances of each service', () => {
  const two = { API_GATEWAY_INSTANCES: '2', INVENTORY_INSTANCES: '2', BILLING_INSTANCES: '2' };
  const log = (name: string) => readFileSync(join(home, 'pm2', 'logs', `${name}-out.log`), 'utf8');

  beforeAll(async () => {
    Object.assign(env, two, { LOG_LEVEL: 'info' });
    await reload('inventory_app', {}, 2);
    await reload('api_gateway', {}, 2);
    await deleteApp(home, 'billing_app');
    await startApp(home, APPS.billing_app, env);
  });

  test('PM2 runs two of each, and both have work, whose lines in the log tell them apart', async () => {
    expect(processes().map((pids) => pids.length)).toEqual([2, 2, 2]);
    const before = await count(order);
    const outcomes = await underLoad(async () => {}, { fresh: 10 });
    expect([...outcomes.keys()].sort()).toEqual(['/api/billing 200', '/api/movies 201']);
    await expect.poll(() => count(order)).toBe(before + outcomes.get('/api/billing 200')!);
    for (const [name, event] of [
      ['api-gateway', '"status":200'],
      ['inventory-app', '"status":201'],
      ['billing-app', 'consuming'],
    ] as const)
      for (const instance of [0, 1]) await expect.poll(() => log(name)).toMatch(new RegExp(`"instance":${instance},.*${event}`));
  });

  test.each(['api_gateway', 'inventory_app'] as const)('a reload of %s fails no request, and loses nothing', async (name) => {
    const before = [await count(film), await count(order), appPids(home, name)] as const;
    const outcomes = await underLoad(() => reload(name, {}, 2), { fresh: 10 });
    expect([...outcomes.keys()].sort()).toEqual(['/api/billing 200', '/api/movies 201']);
    expect(await count(film)).toBe(before[0] + outcomes.get('/api/movies 201')!);
    await expect.poll(() => count(order)).toBe(before[1] + outcomes.get('/api/billing 200')!);
    expect(appPids(home, name).filter((pid) => before[2].includes(pid))).toEqual([]);
    expect(appPids(home, name)).toHaveLength(2);
  });

  test('a SIGKILL of one gateway costs only what that one has under way', async () => {
    const [one] = appPids(home, 'api_gateway');
    const before = await count(order);
    const outcomes = await underLoad(async () => void process.kill(one!, 'SIGKILL'), { fresh: 10 });
    const failed = [...outcomes].filter(([outcome]) => !/ 20[01]$/.test(outcome));
    for (const [outcome] of failed) expect(outcome).toMatch(/ECONNRESET|EPIPE/);
    const lost = failed.reduce((sum, [, times]) => sum + times, 0);
    expect(lost).toBeLessThanOrEqual(20); // one for each client: what it had just asked for
    await expect.poll(() => count(order)).toBeGreaterThanOrEqual(before + outcomes.get('/api/billing 200')!);
    expect(await count(order)).toBeLessThanOrEqual(before + outcomes.get('/api/billing 200')! + lost);
    await expect.poll(() => appPids(home, 'api_gateway').length, { timeout: 20_000 }).toBe(2);
  });

  test('a SIGKILL of one billing loses no order, and stores none twice', async () => {
    const before = await count(order);
    const outcomes = await underLoad(async () => void process.kill(appPids(home, 'billing_app')[0]!, 'SIGKILL'));
    expect([...outcomes.keys()].sort()).toEqual(['/api/billing 200', '/api/movies 201']);
    await expect.poll(() => count(order), { timeout: 20_000 }).toBe(before + outcomes.get('/api/billing 200')!);
  });

  test('fewer of them are left after a reload with a smaller number, and no request fails', async () => {
    const outcomes = await underLoad(() => reload('api_gateway', { API_GATEWAY_INSTANCES: '1' }, 1), { fresh: 10 });
    expect([...outcomes.keys()].sort()).toEqual(['/api/billing 200', '/api/movies 201']);
    expect(appPids(home, 'api_gateway')).toHaveLength(1);
  });
});

test('a gateway that is to stop serves on for GATEWAY_DRAIN_TIME, and tells a proxy to lead nobody there', async () => {
  const draining = mkdtempSync(join(checkout, '.local', 'restart-'));
  const port = String(await anyFreePort());
  const one = { API_GATEWAY_INSTANCES: '1', API_GATEWAY_PORT: port, API_GATEWAY_METRICS_PORT: '' };
  const own = { ...env, ...one, GATEWAY_DRAIN_TIME: '10000' };
  const livez = () => fetch(`http://127.0.0.1:${port}/livez`);
  await startDaemon(draining);
  try {
    await startApp(draining, 'api-gateway', own);
    expect((await livez()).status).toBe(200);
    process.kill(appPids(draining, 'api_gateway')[0]!, 'SIGINT');
    await expect.poll(async () => (await livez()).status).toBe(404);
    const ordered = await fetch(`http://127.0.0.1:${port}/api/billing`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: order.body,
    });
    expect(ordered.status).toBe(200);
  } finally {
    for (const pid of appPids(draining, 'api_gateway')) process.kill(pid, 'SIGKILL');
    await stopDaemon(draining);
    rmSync(draining, { recursive: true });
  }
});
