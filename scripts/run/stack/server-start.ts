import { databases, isMigrated, migrate } from '../servers/migrations.ts';
import type { Postgres } from '../servers/postgres/connection.ts';
import { ensureDatabases } from '../servers/postgres/databases.ts';
import { startPostgres } from '../servers/postgres/postgres.ts';
import { type Broker, startBroker } from '../servers/rabbitmq/rabbitmq.ts';
import type { Report } from '../terminal/report.ts';
import type { Environment } from './environment.ts';

/** Whether a server's port was chosen for this start: then no other will do. */
interface Exact {
  postgres: boolean;
  broker: boolean;
}

/** Starts PostgreSQL, with its tables, beside RabbitMQ. Where a server gets another port, the environment learns of it. */
export async function startServers(home: string, environment: Environment, exact: Exact, report: Report): Promise<Broker> {
  const migrated = startDatabases(home, environment, exact.postgres, report).then((server) =>
    migrateDatabases(server, environment, report),
  );
  const brokerReady = report.step('RabbitMQ', async (detail) => {
    const port = Number(environment.RABBITMQ_PORT);
    const broker = await startBroker({ home, port, exact: exact.broker, environment, onProgress: detail });
    environment.RABBITMQ_PORT = String(broker.port);
    detail(`127.0.0.1:${broker.port}`);
    return broker;
  });
  await settleAll([migrated, brokerReady]);
  return brokerReady;
}

function startDatabases(home: string, environment: Environment, exact: boolean, report: Report): Promise<Postgres> {
  return report.step('PostgreSQL', async (detail) => {
    const server = await startPostgres({ home, port: Number(environment.MOVIES_DB_PORT), exact });
    environment.MOVIES_DB_PORT = environment.ORDERS_DB_PORT = String(server.port);
    detail(`127.0.0.1:${server.port}`);
    await ensureDatabases(
      server,
      databases.map(({ prefix }) => {
        const [role, password, database] = ['USER', 'PASSWORD', 'NAME'].map((part) => environment[`${prefix}_${part}`]!);
        return { role: role!, password: password!, database: database! };
      }),
    );
    return server;
  });
}

async function migrateDatabases(server: Postgres, environment: Environment, report: Report): Promise<void> {
  const done = await Promise.all(databases.map(({ app, prefix }) => isMigrated(server, app, environment[`${prefix}_NAME`]!)));
  const behind = databases.filter((_, i) => !done[i]);
  if (behind.length === 0) return;
  await report.step('Migrations', async () => {
    await Promise.all(behind.map(({ app }) => migrate(app, environment)));
  });
}

/** Waits for all, then throws the first failure: no step goes on behind the user's back. */
export async function settleAll(work: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
