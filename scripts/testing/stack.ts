import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { checkout } from '../local/home.ts';
import { endProcess, waitFor } from '../local/process.ts';
import { share } from './services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    gatewayUrl: string;
  }
}

/** Vitest's global set-up of the contract tests: the three services over the run's own PostgreSQL and RabbitMQ, unless GATEWAY_URL names a gateway. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.GATEWAY_URL) {
    project.provide('gatewayUrl', process.env.GATEWAY_URL);
    return undefined;
  }
  const { services, release } = await share();
  const { env } = services;
  const children = ['inventory-app', 'billing-app', 'api-gateway'].map((app) => start(app, env));
  const teardown = async () => {
    await Promise.all(children.map((child) => child.pid && endProcess(child.pid, 'SIGTERM', 30_000)));
    await release();
  };
  const gatewayUrl = `http://127.0.0.1:${env.API_GATEWAY_PORT}`;
  const ready = await waitFor(30_000, () => servesMovies(gatewayUrl));
  if (!ready) {
    await teardown();
    throw new Error('The services did not become ready within 30 seconds.');
  }
  process.env.GATEWAY_URL = gatewayUrl;
  project.provide('services', services);
  project.provide('gatewayUrl', gatewayUrl);
  return async () => {
    delete process.env.GATEWAY_URL;
    await teardown();
  };
}

function start(app: string, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['server.ts'], {
    cwd: join(checkout, app),
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A list of films says that gateway and inventory are up. */
async function servesMovies(gatewayUrl: string): Promise<boolean> {
  try {
    const movies = await fetch(`${gatewayUrl}/api/movies`);
    await movies.body?.cancel();
    return movies.ok;
  } catch {
    return false;
  }
}
