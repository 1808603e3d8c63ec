import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { checkout } from '../../run/checkout.mjs';
import { endProcess, waitFor } from '../../run/servers/process.ts';
import { createTestVhost, share } from './services.ts';

/**
 * Vitest's global set-up of the contract tests: the three services over the run's own PostgreSQL and RabbitMQ, unless
 * GATEWAY_URL already names a gateway. Either way the tests find what they talk to in their environment.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.GATEWAY_URL) return undefined;
  const { services, release } = await share();
  const { env } = await createTestVhost(services); // the integration tests look into the queues of the other
  const children = ['inventory-app', 'billing-app', 'api-gateway'].map((app) => startService(app, env));
  const teardown = async () => {
    await Promise.all(children.map((child) => child.pid && endProcess(child.pid, 'SIGTERM', 30_000)));
    await release();
  };
  const gatewayUrl = `http://127.0.0.1:${env.API_GATEWAY_PORT}`;
  if (!(await waitFor(30_000, () => isReady(gatewayUrl)))) {
    await teardown();
    throw new Error('The services did not become ready within 30 seconds.');
  }
  project.config.env = { ...project.config.env, ...env, GATEWAY_URL: gatewayUrl, STACK_IS_OURS: 'true' };
  return teardown;
}

/** A service as a child of this process, whose errors are seen. */
export function startService(app: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=DEP0060', 'server.ts'], {
    cwd: join(checkout, app),
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Films and orders both work. Under one key, all the tries together make one order. */
async function isReady(gatewayUrl: string): Promise<boolean> {
  try {
    const movies = await fetch(`${gatewayUrl}/api/movies`);
    await movies.body?.cancel();
    const order = await fetch(`${gatewayUrl}/api/billing`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'are-you-ready' },
      body: JSON.stringify({ user_id: 1, number_of_items: 1, total_amount: 1 }),
    });
    await order.body?.cancel();
    return movies.ok && order.ok;
  } catch {
    return false;
  }
}
