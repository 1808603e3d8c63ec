import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { databases, migrate } from '../../run/servers/migrations.ts';
import { restartApp, startApp } from '../../run/servers/pm2/apps.ts';
import { findDaemon, startDaemon } from '../../run/servers/pm2/daemon.ts';
import { anyFreePort } from '../../run/servers/ports.ts';
import { connect, type Postgres } from '../../run/servers/postgres/connection.ts';
import { ensureDatabases } from '../../run/servers/postgres/databases.ts';
import { findPostgres, startPostgres } from '../../run/servers/postgres/postgres.ts';
import { isAlive, waitFor } from '../../run/servers/process.ts';
import { findBroker, stopBroker } from '../../run/servers/rabbitmq/node-files.ts';
import { type Broker, startBroker } from '../../run/servers/rabbitmq/rabbitmq.ts';
import { Relay } from '../../run/servers/relay.ts';
import { type Environment, homeEnvironment } from '../../run/stack/environment.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Link, SERVICES, type Service } from './plan.ts';
import { kill } from './processes.ts';

interface ServerControl {
  pid(): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A system of its own: real servers, the three services under a PM2 of their own, and a relay on each connection between them. */
export interface Stack {
  links: Record<Link, Relay>;
  broker: ServerControl & { control: Broker['control'] };
  postgres: ServerControl & { connect(database: string): ReturnType<typeof connect> };
  services: {
    pid(service: Service): Promise<number>;
    restart(service: Service): Promise<void>;
  };
  /** Names and passwords, and the addresses of the servers themselves: no relay between. */
  environment: Environment;
  /** Ends everything at once, whatever state it is in. */
  end(): Promise<void>;
}

const WORKSPACES: Record<Service, string> = {
  api_gateway: 'api-gateway',
  inventory_app: 'inventory-app',
  billing_app: 'billing-app',
};

export async function startStack(home: string, onProgress: (what: string) => void): Promise<Stack> {
  await endProcesses(home); // of a proof that could not clean up
  rmSync(home, { recursive: true, force: true });
  try {
    return await start(home, onProgress);
  } catch (error) {
    await endProcesses(home);
    throw error;
  }
}

async function start(home: string, onProgress: (what: string) => void): Promise<Stack> {
  const environment: Environment = {
    ...homeEnvironment(home, process.env),
    API_GATEWAY_PORT: String(await anyFreePort()),
    INVENTORY_PORT: String(await anyFreePort()),
  };
  let postgres: Postgres;
  let broker: Broker;
  const startDatabase = async (port: number) => {
    postgres = await startPostgres({ home, port });
  };
  const startQueue = async (port: number) => {
    broker = await startBroker({ home, port, environment, onProgress });
  };
  onProgress('Starting PostgreSQL and RabbitMQ');
  await Promise.all([startDatabase(await anyFreePort()), startQueue(await anyFreePort())]);
  environment.MOVIES_DB_PORT = environment.ORDERS_DB_PORT = String(postgres!.port);
  environment.RABBITMQ_PORT = String(broker!.port);

  onProgress('Creating the databases');
  for (const { app, prefix } of databases) {
    const [role, password, database] = ['USER', 'PASSWORD', 'NAME'].map((part) => environment[`${prefix}_${part}`]!);
    await ensureDatabases(postgres!, [{ role: role!, password: password!, database: database! }]);
    await migrate(app, environment);
  }

  const links: Stack['links'] = {
    'client-gateway': await Relay.listen(() => Number(environment.API_GATEWAY_PORT)),
    'gateway-broker': await Relay.listen(() => broker.port),
    'gateway-inventory': await Relay.listen(() => Number(environment.INVENTORY_PORT)),
    'billing-broker': await Relay.listen(() => broker.port),
    'billing-orders_db': await Relay.listen(() => postgres.port),
    'inventory-movies_db': await Relay.listen(() => postgres.port),
  };
  const through = (link: Link) => String(links[link].port);
  const proxied: Record<Service, Environment> = {
    api_gateway: { RABBITMQ_PORT: through('gateway-broker'), INVENTORY_PORT: through('gateway-inventory') },
    inventory_app: { MOVIES_DB_PORT: through('inventory-movies_db') },
    billing_app: { RABBITMQ_PORT: through('billing-broker'), ORDERS_DB_PORT: through('billing-orders_db') },
  };
  onProgress('Starting the services');
  await startDaemon(home);
  for (const service of SERVICES) await startApp(home, WORKSPACES[service], service, { ...environment, ...proxied[service] });

  return {
    links,
    environment,
    broker: {
      pid: () => broker.pid,
      kill: () => broker.kill(),
      stop: () => broker.stop(),
      start: () => startQueue(broker.port),
      control: (...args) => broker.control(...args),
    },
    postgres: {
      pid: () => postgres.pid,
      kill: () => postgres.kill(),
      stop: () => postgres.stop(),
      start: () => startDatabase(postgres.port),
      connect: (database) => connect(postgres, database),
    },
    services: {
      async pid(service) {
        const pid = await waitFor(30_000, () => readPid(home, service));
        if (!pid) throw new Failure(`${service} does not run any more: see ${join(home, 'pm2', 'logs')}.`);
        return pid;
      },
      restart: (service) => restartApp(home, service),
    },
    async end() {
      for (const link of Object.values(links)) link.close();
      await endProcesses(home);
    },
  };
}

/**
 * By signal and not by command: what is frozen, or waits for a server that is gone, would not obey. PM2 goes first, and with it
 * the services, which are its children: it would start them again.
 */
async function endProcesses(home: string): Promise<void> {
  const daemon = findDaemon(home);
  if (daemon) kill(daemon);
  for (const server of [findPostgres(home), findBroker(home)]) if (server) kill(server.pid);
  await stopBroker(home); // Erlang's port mapper
}

function readPid(home: string, service: Service): number | undefined {
  // PM2 names the file by the app, with `-` for every `_`, and the place in which it was started.
  const file = join(home, 'pm2', 'pids', `${service.replaceAll('_', '-')}-${SERVICES.indexOf(service)}.pid`);
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
