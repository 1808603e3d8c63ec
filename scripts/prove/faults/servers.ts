import { anyFreePort } from '../../run/servers/ports.ts';
import { connect } from '../../run/servers/postgres/connection.ts';
import { startPostgres } from '../../run/servers/postgres/postgres.ts';
import { startBroker } from '../../run/servers/rabbitmq/rabbitmq.ts';
import type { Environment } from '../../run/stack/environment.ts';

export type RunningPostgres = Awaited<ReturnType<typeof runPostgres>>;
export type RunningBroker = Awaited<ReturnType<typeof runBroker>>;

/** A PostgreSQL that comes back with `start`, on the same port and with its data. */
export async function runPostgres(home: string) {
  let server = await startPostgres({ home, port: await anyFreePort() });
  return {
    server: () => server,
    port: () => server.port,
    pid: () => server.pid,
    kill: () => server.kill(),
    stop: () => server.stop(),
    async start() {
      server = await startPostgres({ home, port: server.port });
    },
    connect: (database: string) => connect(server, database),
  };
}

/** A RabbitMQ that comes back with `start`, on the same port and with its messages. */
export async function runBroker(home: string, environment: Environment, onProgress: (what: string) => void) {
  const start = (port: number) => startBroker({ home, port, environment, onProgress });
  let server = await start(await anyFreePort());
  return {
    port: () => server.port,
    pid: () => server.pid,
    kill: () => server.kill(),
    stop: () => server.stop(),
    async start() {
      server = await start(server.port);
    },
    control: (...args: Parameters<typeof server.control>) => server.control(...args),
  };
}
