import pg from 'pg';
import { databases, isMigrated, migrate } from '../servers/migrations.ts';
import { paths } from '../servers/postgres/cluster.ts';
import type { Postgres } from '../servers/postgres/connection.ts';
import { ensureDatabases } from '../servers/postgres/databases.ts';
import { startPostgres } from '../servers/postgres/postgres.ts';
import { dropRemains } from '../servers/postgres/remains.ts';
import { type Broker, startBroker } from '../servers/rabbitmq/rabbitmq.ts';
import { reasonsIn } from '../servers/start-failure.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import type { Environment } from './environment.ts';

/** Starts RabbitMQ. `exact`: its port was chosen for this start, no other will do. Where it gets another, the environment learns of it. */
export function startMessaging(home: string, environment: Environment, exact: boolean, report: Report): Promise<Broker> {
  return report.step('RabbitMQ', async (detail) => {
    const port = Number(environment.RABBITMQ_PORT);
    const broker = await startBroker({ home, port, exact, environment, onProgress: detail });
    environment.RABBITMQ_PORT = String(broker.port);
    detail(`127.0.0.1:${broker.port}`);
    return broker;
  });
}

/** Starts PostgreSQL, with its databases and their tables. */
export async function startStorage(home: string, environment: Environment, exact: boolean, report: Report): Promise<void> {
  try {
    await migrateDatabases(await startDatabases(home, environment, exact, report), environment, report);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    throw new Failure(
      `PostgreSQL could not set up its databases ("${error.message}"${reasonsIn('', home)}): see ${paths(home).log}.`,
    );
  }
}

/** Starts PostgreSQL, with its databases. The port: as RabbitMQ's. */
export function startDatabases(home: string, environment: Environment, exact: boolean, report: Report): Promise<Postgres> {
  return report.step('PostgreSQL', async (detail) => {
    const server = await startPostgres({ home, port: Number(environment.MOVIES_DB_PORT), exact });
    environment.MOVIES_DB_PORT = environment.ORDERS_DB_PORT = String(server.port);
    detail(`127.0.0.1:${server.port}`);
    await dropRemains(
      server,
      databases.map(({ prefix }) => environment[`${prefix}_NAME`]!),
    );
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

/** Waits for all, then throws what has failed: no step goes on behind the user's back, and no second reason waits for the next start. */
export async function settleAll(work: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failed.length > 1 && failed.every((reason) => reason instanceof Failure))
    throw new Failure([...new Set(failed.map(({ message }) => message))].join('\n'));
  if (failed.length > 0) throw failed[0];
}
