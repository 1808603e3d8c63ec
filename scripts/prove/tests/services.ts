import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { anyFreePort } from '../../run/servers/ports.ts';
import { startBroker } from '../../run/servers/rabbitmq/rabbitmq.ts';
import { METRICS_PORTS } from '../../run/stack/services.ts';
import { type Services, startPrivateServices, templateOf } from './private-services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    services: Services;
  }
}

/** Vitest's global set-up: PostgreSQL and RabbitMQ for the run, shared by the projects that name this file. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { services, release } = await share();
  project.provide('services', services);
  return release;
}

interface Shared {
  users: number;
  running: ReturnType<typeof startPrivateServices>;
}

/** Each project loads this module anew, all in one process: what they share has to live outside of it. */
const global = globalThis as typeof globalThis & { crudMasterTestServices?: Shared };

export async function share(): Promise<{ services: Services; release(): Promise<void> }> {
  global.crudMasterTestServices ??= { users: 0, running: startOnce() };
  const shared = global.crudMasterTestServices;
  shared.users++;
  const { services, stop } = await shared.running;
  return {
    services,
    async release() {
      if (--shared.users > 0) return;
      global.crudMasterTestServices = undefined;
      await stop();
    },
  };
}

async function startOnce() {
  const began = Date.now();
  process.stderr.write('Starting PostgreSQL and RabbitMQ for the tests ...\n');
  const started = await startPrivateServices();
  process.stderr.write(`PostgreSQL and RabbitMQ run after ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
  return started;
}

/**
 * A database of the test's own, owned by the service's role: migrated and empty, or a copy of `template`.
 * Gives its name and the environment of the run with that name in it.
 */
export async function createTestDatabase(
  prefix: 'MOVIES_DB' | 'ORDERS_DB',
  template?: 'template0',
): Promise<{ name: string; env: Record<string, string> }> {
  const { postgres, env } = inject('services');
  const name = `${env[`${prefix}_NAME`]}_${randomUUID().slice(0, 8)}`;
  const client = new pg.Client({ ...postgres, user: postgres.superuser, database: 'postgres' });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  try {
    const [database, source, owner] = [name, template ?? templateOf(env[`${prefix}_NAME`]!), env[`${prefix}_USER`]!].map(
      pg.escapeIdentifier,
    );
    await client.query(`CREATE DATABASE ${database} TEMPLATE ${source} OWNER ${owner}`);
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  } finally {
    await client.end();
  }
  return { name, env: { ...env, [`${prefix}_NAME`]: name } };
}

/** A vhost of the test's own, with users, queues and policies in it, for what must not meet another test's messages. */
export async function createTestVhost(services = inject('services')): Promise<{ vhost: string; env: Record<string, string> }> {
  const vhost = `${services.rabbitmq.vhost}-${randomUUID().slice(0, 8)}`;
  const env = { ...services.env, RABBITMQ_VHOST: vhost };
  const { home, rabbitmq } = services;
  const broker = await startBroker({ home, port: rabbitmq.port, environment: services.env }); // runs already
  await broker.importDefinitions(env);
  return { vhost, env };
}

/** What a whole stack of a test's own is started with: databases, a virtual host, and ports that are free now. */
export async function createTestStack(): Promise<Record<string, string>> {
  const [films, orders, { vhost }] = await Promise.all([
    createTestDatabase('MOVIES_DB'),
    createTestDatabase('ORDERS_DB'),
    createTestVhost(),
  ]);
  return {
    ...films.env,
    ORDERS_DB_NAME: orders.name,
    RABBITMQ_VHOST: vhost,
    BILLING_HOST: '127.0.0.1',
    ...(await freePorts(['API_GATEWAY_PORT', 'INVENTORY_PORT', ...METRICS_PORTS])),
  };
}

async function freePorts(names: string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await anyFreePort())])));
}
