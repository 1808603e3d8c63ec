import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { databases, migrate } from '../../run/servers/migrations.ts';
import { restartApp, startApp } from '../../run/servers/pm2/apps.ts';
import { findDaemon, startDaemon } from '../../run/servers/pm2/daemon.ts';
import { anyFreePort } from '../../run/servers/ports.ts';
import { ensureDatabases } from '../../run/servers/postgres/databases.ts';
import { findPostgres } from '../../run/servers/postgres/postgres.ts';
import { isAlive, waitFor } from '../../run/servers/process.ts';
import { findBroker, stopBroker } from '../../run/servers/rabbitmq/node-files.ts';
import { Relay } from '../../run/servers/relay.ts';
import { type Environment, homeEnvironment } from '../../run/stack/environment.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Link, SERVICES, type Service } from './plan.ts';
import { kill } from './processes.ts';
import { type RunningBroker, type RunningPostgres, runBroker, runPostgres } from './servers.ts';

/** A system of its own: real servers, the three services under a PM2 of their own, and a relay on each connection between them. */
export interface Stack {
  links: Record<Link, Relay>;
  broker: Pick<RunningBroker, 'pid' | 'kill' | 'stop' | 'start' | 'control'>;
  postgres: Pick<RunningPostgres, 'pid' | 'kill' | 'stop' | 'start' | 'connect'>;
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
  onProgress('Starting PostgreSQL and RabbitMQ');
  const [postgres, broker] = await Promise.all([runPostgres(home), runBroker(home, environment, onProgress)]);
  environment.MOVIES_DB_PORT = environment.ORDERS_DB_PORT = String(postgres.port());
  environment.RABBITMQ_PORT = String(broker.port());

  onProgress('Creating the databases');
  for (const { app, prefix } of databases) {
    const [role, password, database] = ['USER', 'PASSWORD', 'NAME'].map((part) => environment[`${prefix}_${part}`]!);
    await ensureDatabases(postgres.server(), [{ role: role!, password: password!, database: database! }]);
    await migrate(app, environment);
  }

  onProgress('Starting the services');
  const links = await listenBetween(environment, postgres.port, broker.port);
  await startDaemon(home);
  const proxied = throughLinks(links);
  for (const service of SERVICES) await startApp(home, WORKSPACES[service], { ...environment, ...proxied[service] });

  return {
    links,
    environment,
    broker,
    postgres,
    services: {
      pid: (service) => pidOf(home, service),
      restart: (service) => restartApp(home, service),
    },
    async end() {
      for (const link of Object.values(links)) link.close();
      await endProcesses(home);
    },
  };
}

/** A relay on each connection of the system. */
async function listenBetween(
  environment: Environment,
  postgres: () => number,
  broker: () => number,
): Promise<Record<Link, Relay>> {
  return {
    'client-gateway': await Relay.listen(() => Number(environment.API_GATEWAY_PORT)),
    'gateway-broker': await Relay.listen(broker),
    'gateway-inventory': await Relay.listen(() => Number(environment.INVENTORY_PORT)),
    'billing-broker': await Relay.listen(broker),
    'billing-orders_db': await Relay.listen(postgres),
    'inventory-movies_db': await Relay.listen(postgres),
  };
}

/** The ports that lead each service through its relays. */
function throughLinks(links: Record<Link, Relay>): Record<Service, Environment> {
  const port = (link: Link) => String(links[link].port);
  return {
    api_gateway: { RABBITMQ_PORT: port('gateway-broker'), INVENTORY_PORT: port('gateway-inventory') },
    inventory_app: { MOVIES_DB_PORT: port('inventory-movies_db') },
    billing_app: { RABBITMQ_PORT: port('billing-broker'), ORDERS_DB_PORT: port('billing-orders_db') },
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

async function pidOf(home: string, service: Service): Promise<number> {
  const pid = await waitFor(30_000, () => readPid(home, service));
  if (!pid) throw new Failure(`${service} does not run any more: see ${join(home, 'pm2', 'logs')}.`);
  return pid;
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
