import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { Failure } from '../local/failure.ts';
import { checkout } from '../local/home.ts';
import { databases, migrate } from '../local/migrations.ts';
import { anyFreePort } from '../local/ports.ts';
import { connect, ensureDatabase, findPostgres, type Postgres, startPostgres } from '../local/postgres.ts';
import { isAlive, waitFor } from '../local/process.ts';
import { type Broker, findBroker, startBroker, stopBroker } from '../local/rabbitmq.ts';
import { FaultProxy } from './fault-proxy.ts';
import { type Link, SERVICES, type Service } from './plan.ts';
import { kill } from './processes.ts';

const run = promisify(execFile);
const PM2 = createRequire(import.meta.url).resolve('pm2/bin/pm2');

export interface ServerControl {
  pid(): number;
  kill(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A system of its own: real servers, the three services under a PM2 of their own, and a proxy on each connection between them. */
export interface Stack {
  links: Record<Link, FaultProxy>;
  broker: ServerControl & { control: Broker['control'] };
  postgres: ServerControl & { connect(database: string): ReturnType<typeof connect> };
  services: {
    pid(service: Service): Promise<number>;
    restart(service: Service): Promise<void>;
  };
  /** Names and passwords, with the addresses of the servers themselves: no proxy between. */
  environment: Record<string, string>;
  /** Ends everything at once, whatever state it is in. */
  end(): Promise<void>;
}

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
  const configured = loadEnvironment(new URL('../../.env', import.meta.url), process.env) as Record<string, string>;
  let postgres: Postgres;
  let broker: Broker;
  const startDatabase = async (port: number) => {
    postgres = await startPostgres({ home, port });
  };
  const startQueue = async (port: number) => {
    broker = await startBroker({ home, port, environment: configured, onProgress });
  };
  onProgress('Starting PostgreSQL and RabbitMQ');
  await Promise.all([startDatabase(await anyFreePort()), startQueue(await anyFreePort())]);

  const environment: Record<string, string> = {
    ...configured,
    PM2_HOME: join(home, 'pm2'),
    NODE_BINARY: process.execPath,
    LOG_LEVEL: 'info',
    API_GATEWAY_PORT: String(await anyFreePort()),
    API_GATEWAY_LISTEN_HOST: '127.0.0.1',
    INVENTORY_HOST: '127.0.0.1',
    INVENTORY_PORT: String(await anyFreePort()),
    RABBITMQ_HOST: '127.0.0.1',
    RABBITMQ_PORT: String(broker!.port),
    ...Object.fromEntries(
      databases.flatMap(({ prefix }) => [
        [`${prefix}_HOST`, '127.0.0.1'],
        [`${prefix}_PORT`, String(postgres.port)],
      ]),
    ),
  };

  const links: Stack['links'] = {
    'client-gateway': await FaultProxy.listen(() => Number(environment.API_GATEWAY_PORT)),
    'gateway-broker': await FaultProxy.listen(() => broker.port),
    'gateway-inventory': await FaultProxy.listen(() => Number(environment.INVENTORY_PORT)),
    'billing-broker': await FaultProxy.listen(() => broker.port),
    'billing-orders_db': await FaultProxy.listen(() => postgres.port),
    'inventory-movies_db': await FaultProxy.listen(() => postgres.port),
  };
  const throughProxies: Record<Service, Record<string, number>> = {
    api_gateway: { RABBITMQ_PORT: links['gateway-broker'].port, INVENTORY_PORT: links['gateway-inventory'].port },
    inventory_app: { MOVIES_DB_PORT: links['inventory-movies_db'].port },
    billing_app: { RABBITMQ_PORT: links['billing-broker'].port, ORDERS_DB_PORT: links['billing-orders_db'].port },
  };

  const pm2 = async (args: string[], own: Record<string, number> = {}) => {
    const overrides = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, String(value)]));
    await run(process.execPath, [PM2, ...args, '--silent'], { cwd: checkout, env: { ...environment, ...overrides } });
  };

  onProgress('Creating the databases');
  await createDatabases(postgres!, environment);
  onProgress('Starting the services');
  for (const service of SERVICES)
    await pm2(['start', join(checkout, FOLDERS[service], 'ecosystem.config.cjs')], throughProxies[service]);

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
      restart: (service) => pm2(['restart', service]),
    },
    async end() {
      for (const link of Object.values(links)) link.close();
      await endProcesses(home);
    },
  };
}

const FOLDERS: Record<Service, string> = {
  api_gateway: 'api-gateway',
  inventory_app: 'inventory-app',
  billing_app: 'billing-app',
};

async function createDatabases(postgres: Postgres, environment: Record<string, string>): Promise<void> {
  for (const { app, prefix } of databases) {
    await ensureDatabase(postgres, {
      role: environment[`${prefix}_USER`]!,
      password: environment[`${prefix}_PASSWORD`]!,
      database: environment[`${prefix}_NAME`]!,
    });
    await migrate(app, environment);
  }
}

/** By signal and not by command: what is frozen, or waits for a server that is gone, would not obey. PM2 first: it starts again what ends. */
async function endProcesses(home: string): Promise<void> {
  const pm2 = readPidFile(join(home, 'pm2', 'pm2.pid'));
  const services = SERVICES.map((service) => readPid(home, service));
  for (const pid of [pm2, ...services, findPostgres(home)?.pid, findBroker(home)?.pid]) if (pid) kill(pid);
  await stopBroker(home); // Erlang's port mapper
}

function readPid(home: string, service: Service): number | undefined {
  // PM2 names the file by the app, with `-` for every `_`, and the place in which it was started.
  return readPidFile(join(home, 'pm2', 'pids', `${service.replaceAll('_', '-')}-${SERVICES.indexOf(service)}.pid`));
}

function readPidFile(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 0 && isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}
