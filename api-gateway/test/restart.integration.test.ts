import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, createTestVhost } from '../../scripts/prove/tests/services.ts';
import { anyFreePort } from '../../scripts/run/servers/ports.ts';

let env: Record<string, string>;
const running: Record<string, ChildProcess> = {};

/** The real service, as PM2 runs it; resolves when it says that it is ready. */
async function start(workspace: string): Promise<void> {
  const cwd = fileURLToPath(new URL(`../../${workspace}`, import.meta.url));
  const child = spawn(process.execPath, ['server.ts'], {
    cwd,
    env: { ...process.env, ...env, LOG_LEVEL: 'fatal' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  running[workspace] = child;
  expect(await Promise.race([once(child, 'message'), once(child, 'exit')])).toContain('ready');
}

/** What `pm2 restart` does. */
async function restart(workspace: string): Promise<void> {
  const child = running[workspace]!;
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await start(workspace);
}

beforeAll(async () => {
  const { env: films } = await createTestDatabase('MOVIES_DB');
  const { vhost } = await createTestVhost();
  env = {
    ...films,
    RABBITMQ_VHOST: vhost,
    API_GATEWAY_PORT: String(await anyFreePort()),
    INVENTORY_PORT: String(await anyFreePort()),
  };
  await Promise.all([start('inventory-app'), start('api-gateway')]);
});
afterAll(() => {
  for (const child of Object.values(running)) child.kill('SIGKILL');
});

const film = { path: '/api/movies', body: JSON.stringify({ title: 'Restarted' }) };
const order = { path: '/api/billing', body: JSON.stringify({ user_id: 1, number_of_items: 1, total_amount: 1 }) };

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

/** What twenty clients get that post films and orders, each on a kept connection of its own, while `meanwhile` happens. */
async function underLoad(meanwhile: () => Promise<void>): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  let over = false;
  const client = async (what: typeof film) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!over) {
      const outcome = `${what.path} ${await post(what, agent)}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome.includes('ECONNREFUSED') || outcome.includes('503')) await new Promise((next) => setTimeout(next, 20));
    }
    agent.destroy();
  };
  const clients = Array.from({ length: 20 }, (_, i) => client(i % 2 ? film : order));
  await expect.poll(() => outcomes.get('/api/billing 200') ?? 0).toBeGreaterThan(50);
  await meanwhile();
  const before = outcomes.get('/api/billing 200')!;
  await expect.poll(() => outcomes.get('/api/billing 200')!).toBeGreaterThan(before + 50);
  over = true;
  await Promise.all(clients);
  return outcomes;
}

test('A restart of inventory under load breaks no film: it is stored, or refused as long as nobody is there', async () => {
  const outcomes = await underLoad(() => restart('inventory-app'));
  for (const outcome of outcomes.keys())
    expect(['/api/movies 201', '/api/movies 503 inventory-unreachable', '/api/billing 200']).toContain(outcome);
});

test('A restart of the gateway under load breaks no request, and refuses no order once it takes connections', async () => {
  const outcomes = await underLoad(() => restart('api-gateway'));
  for (const outcome of outcomes.keys()) expect(outcome).toMatch(/^\/api\/(movies 201|billing 200|\w+ ECONNREFUSED .*)$/);
});
