import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readEnvironment } from '@crud-master/plumbing/environment';
import { checkout } from '../../run/checkout.mjs';
import { databases, migrate } from '../../run/servers/migrations.ts';
import { anyFreePort } from '../../run/servers/ports.ts';
import { connect, type Postgres } from '../../run/servers/postgres/connection.ts';
import { ensureDatabases } from '../../run/servers/postgres/databases.ts';
import { findPostgres, startPostgres } from '../../run/servers/postgres/postgres.ts';
import { isAlive } from '../../run/servers/process.ts';
import { stopBroker } from '../../run/servers/rabbitmq/node-files.ts';
import { type Broker, startBroker } from '../../run/servers/rabbitmq/rabbitmq.ts';
import { markOf, withOwnPasswords } from '../../run/stack/identity.ts';
import { METRICS_PORTS } from '../../run/stack/services.ts';

/** What the tests get to know of the PostgreSQL and RabbitMQ of this run. */
export interface Services {
  home: string;
  postgres: { host: string; port: number; superuser: string; password: string };
  rabbitmq: {
    host: string;
    port: number;
    vhost: string;
    admin: { user: string; password: string };
    gateway: { user: string; password: string };
    billing: { user: string; password: string };
  };
  /** A complete environment, as of `.env`, that points at them. Its two databases are migrated. */
  env: Record<string, string>;
}

const HOMES = join(checkout, '.local', 'test');

/** PostgreSQL and RabbitMQ for one run of the tests, in a folder that goes away with them. */
export async function startPrivateServices(): Promise<{ services: Services; stop(): Promise<void> }> {
  await removeAbandoned();
  const home = join(HOMES, String(process.pid));
  mkdirSync(home, { recursive: true });
  const stop = () => remove(home);
  try {
    const env = withOwnPasswords(readEnvironment(pathToFileURL(join(checkout, '.env')), {}), markOf(home));
    const [postgres, broker] = await Promise.all([
      // Nothing here has to survive a power cut.
      startPostgres({ home, port: await anyFreePort(), settings: { fsync: 'off', max_connections: '300' } }),
      startBroker({ home, port: await anyFreePort(), environment: env }),
    ]);
    Object.assign(env, {
      API_GATEWAY_PORT: String(await anyFreePort()),
      API_GATEWAY_LISTEN_HOST: '127.0.0.1',
      INVENTORY_HOST: '127.0.0.1',
      INVENTORY_LISTEN_HOST: '127.0.0.1',
      INVENTORY_PORT: String(await anyFreePort()),
      MOVIES_DB_HOST: postgres.host,
      MOVIES_DB_PORT: String(postgres.port),
      ORDERS_DB_HOST: postgres.host,
      ORDERS_DB_PORT: String(postgres.port),
      RABBITMQ_HOST: broker.host,
      RABBITMQ_PORT: String(broker.port),
      // A test that wants metrics chooses ports of its own.
      ...Object.fromEntries(METRICS_PORTS.map((name) => [name, ''])),
    });
    // One after the other: two sessions may not change the rights on what all databases share at the same time.
    for (const { app, prefix } of databases) await createMigrated(postgres, app, prefix, env);
    return { services: describe(home, postgres, broker, env), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function describe(home: string, postgres: Postgres, broker: Broker, env: Record<string, string>): Services {
  const user = (role: string) => ({ user: env[`RABBITMQ_${role}_USER`]!, password: env[`RABBITMQ_${role}_PASSWORD`]! });
  return {
    home,
    postgres: { host: postgres.host, port: postgres.port, superuser: postgres.superuser, password: postgres.password },
    rabbitmq: {
      host: broker.host,
      port: broker.port,
      vhost: env.RABBITMQ_VHOST!,
      admin: user('ADMIN'),
      gateway: user('GATEWAY'),
      billing: user('BILLING'),
    },
    env,
  };
}

/** The database of the environment, and beside it a copy that nobody opens, from which tests make their own. */
async function createMigrated(postgres: Postgres, app: string, prefix: string, env: Record<string, string>): Promise<void> {
  const database = env[`${prefix}_NAME`]!;
  const role = env[`${prefix}_USER`]!;
  await ensureDatabases(postgres, [{ role, password: env[`${prefix}_PASSWORD`]!, database }]);
  await migrate(app, env);
  const client = await connect(postgres);
  await client.query(
    `CREATE DATABASE ${client.escapeIdentifier(templateOf(database))} TEMPLATE ${client.escapeIdentifier(database)} OWNER ${client.escapeIdentifier(role)}`,
  );
  await client.end();
}

export const templateOf = (database: string) => `${database}_template`;

/** What runs that were killed left behind. */
async function removeAbandoned(): Promise<void> {
  mkdirSync(HOMES, { recursive: true });
  const abandoned = readdirSync(HOMES).filter((pid) => !isAlive(Number(pid)));
  await Promise.all(abandoned.map((pid) => remove(join(HOMES, pid))));
}

async function remove(home: string): Promise<void> {
  await Promise.all([findPostgres(home)?.stop(), stopBroker(home)]);
  rmSync(home, { recursive: true, force: true });
}
