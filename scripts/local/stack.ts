import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectAmqp } from 'amqplib';
import { type Environment, localEnvironment, requireUsable, savedEnvironment, saveEnvironment } from './environment.ts';
import { Failure } from './failure.ts';
import { withLock } from './lock.mjs';
import { databases, isMigrated, migrate } from './migrations.ts';
import { deleteApp, findDaemon, listApps, pm2Home, startApp, startDaemon, stopDaemon } from './pm2.ts';
import { holderOfPort, isFree } from './ports.ts';
import { ensureDatabase, findPostgres, startPostgres } from './postgres.ts';
import { waitFor } from './process.ts';
import { findBroker, startBroker, stopBroker } from './rabbitmq.ts';

/** In the order in which they stop: what takes work in first. */
export const services = [
  { workspace: 'api-gateway', name: 'api_gateway', port: 'API_GATEWAY_PORT' },
  { workspace: 'billing-app', name: 'billing_app', port: undefined },
  { workspace: 'inventory-app', name: 'inventory_app', port: 'INVENTORY_PORT' },
] as const;

/** Milliseconds that a service has to become ready. */
const READY_LIMIT = 60_000;

export interface Report {
  /** Shows a step while it runs, and what came of it. */
  step<T>(name: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  note(text: string): void;
}

export interface Running {
  environment: Environment;
  /** Nothing had to be started. */
  wasComplete: boolean;
}

/**
 * Starts what is down of the stack below `home`, and waits until all of it is ready. What runs is left alone, and what is
 * started beside it gets the environment that the rest was started with.
 */
export function startStack(home: string, own: Record<string, string | undefined>, report: Report): Promise<Running> {
  mkdirSync(home, { recursive: true });
  return withLock(
    join(home, 'stack.lock'),
    () => start(home, own, report),
    (pid) => report.note(`Waiting for process ${pid}, which is starting or stopping the stack`),
  );
}

async function start(home: string, own: Record<string, string | undefined>, report: Report): Promise<Running> {
  const apps = await listApps(home);
  const online = new Set(apps.filter((app) => app.status === 'online').map((app) => app.name));
  const [postgres, broker] = [findPostgres(home), findBroker(home)];
  const wanted = localEnvironment(own);
  const saved = savedEnvironment(home);
  const joins = saved !== undefined && (online.size > 0 || postgres !== undefined || broker !== undefined);
  const environment = joins ? saved : wanted;
  if (joins) reportChanges(saved, wanted, own, report);

  requireUsable(environment);
  if (environment.MOVIES_DB_PORT !== environment.ORDERS_DB_PORT) {
    throw new Failure(
      'The local stack has one PostgreSQL for both databases: give MOVIES_DB_PORT and ORDERS_DB_PORT the same value.',
    );
  }
  for (const { name, port } of services) {
    if (port && !online.has(name)) await requireFree(port, environment[port]!);
  }
  if (!postgres && (joins || own.MOVIES_DB_PORT)) await requireFree('MOVIES_DB_PORT', environment.MOVIES_DB_PORT!);
  if (!broker && (joins || own.RABBITMQ_PORT)) await requireFree('RABBITMQ_PORT', environment.RABBITMQ_PORT!);

  const databasesReady = report.step('PostgreSQL', async (detail) => {
    const server = await startPostgres({ home, port: Number(environment.MOVIES_DB_PORT) });
    environment.MOVIES_DB_PORT = environment.ORDERS_DB_PORT = String(server.port);
    detail(`127.0.0.1:${server.port}`);
    for (const { prefix } of databases) {
      const [role, password, database] = ['USER', 'PASSWORD', 'NAME'].map((part) => environment[`${prefix}_${part}`]!);
      await ensureDatabase(server, { role: role!, password: password!, database: database! });
    }
    return server;
  });
  const migrated = databasesReady.then(async (server) => {
    const done = await Promise.all(databases.map(({ app, prefix }) => isMigrated(server, app, environment[`${prefix}_NAME`]!)));
    const behind = databases.filter((_, i) => !done[i]);
    if (behind.length === 0) return;
    await report.step('Migrations', async () => {
      await Promise.all(behind.map(({ app }) => migrate(app, environment)));
    });
  });
  const brokerReady = report.step('RabbitMQ', async (detail) => {
    const running = await startBroker({ home, port: Number(environment.RABBITMQ_PORT), environment, onProgress: detail });
    environment.RABBITMQ_PORT = String(running.port);
    detail(`127.0.0.1:${running.port}`);
  });
  await settleAll([migrated, brokerReady]);
  saveEnvironment(home, environment);

  if (findDaemon(home) === undefined) await report.step('PM2', () => startDaemon(home));
  const down = services.filter(({ name }) => !online.has(name));
  await settleAll(
    down.map(({ workspace, name, port }) =>
      report.step(name, async (detail) => {
        if (port) detail(`127.0.0.1:${environment[port]}`);
        await startApp(home, workspace, name, environment);
      }),
    ),
  );
  await report.step('All ready', () => untilReady(home, environment));
  return { environment, wasComplete: down.length === 0 && postgres !== undefined && broker !== undefined };
}

/** Every service says something that only a working one can say. */
async function untilReady(home: string, environment: Environment): Promise<void> {
  const checks: { what: string; passes: () => Promise<boolean> }[] = [
    { what: 'inventory_app does not serve films', passes: () => answersMovies(environment.INVENTORY_PORT!) },
    { what: 'api_gateway does not serve films', passes: () => answersMovies(environment.API_GATEWAY_PORT!) },
    { what: 'billing_app does not consume its queue', passes: () => hasConsumer(environment) },
    {
      what: 'PM2 does not show three apps online',
      passes: async () => (await listApps(home)).filter((app) => app.status === 'online').length >= 3,
    },
  ];
  for (const { what, passes } of checks) {
    if (await waitFor(READY_LIMIT, () => passes().catch(() => false))) continue;
    throw new Failure(`${what} after ${READY_LIMIT / 1000} seconds: npm run logs shows what it says.`);
  }
}

async function answersMovies(port: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/movies/1`, { signal: AbortSignal.timeout(2000) });
  await answer.body?.cancel();
  return answer.ok || answer.status === 404;
}

async function hasConsumer(environment: Environment): Promise<boolean> {
  const connection = await connectAmqp(
    {
      hostname: environment.RABBITMQ_HOST,
      port: Number(environment.RABBITMQ_PORT),
      username: environment.RABBITMQ_ADMIN_USER,
      password: environment.RABBITMQ_ADMIN_PASSWORD,
      vhost: environment.RABBITMQ_VHOST,
    },
    { timeout: 2000 },
  );
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    return (await channel.checkQueue(environment.BILLING_QUEUE!)).consumerCount > 0;
  } finally {
    await connection.close();
  }
}

/** Stops all of it, what takes work in first; nothing that was answered is lost. Gives false when nothing ran. */
export async function stopStack(home: string, report: Report): Promise<boolean> {
  mkdirSync(home, { recursive: true });
  return withLock(
    join(home, 'stack.lock'),
    async () => {
      const ran = findDaemon(home) !== undefined || findBroker(home) !== undefined || findPostgres(home) !== undefined;
      for (const { name } of services) {
        if (findDaemon(home) !== undefined) await report.step(name, () => deleteApp(home, name));
      }
      await stopDaemon(home);
      if (findBroker(home)) await report.step('RabbitMQ', () => stopBroker(home));
      else await stopBroker(home); // what a crashed one left
      const postgres = findPostgres(home);
      if (postgres) await report.step('PostgreSQL', () => postgres.stop());
      return ran;
    },
    (pid) => report.note(`Waiting for process ${pid}, which is starting or stopping the stack`),
  );
}

export interface Part {
  name: string;
  address: string;
  /** Undefined when it does not run. */
  pid: number | undefined;
  since: Date | undefined;
  state: string;
}

export async function stackStatus(home: string): Promise<Part[]> {
  const environment = savedEnvironment(home);
  const [postgres, broker, apps] = [findPostgres(home), findBroker(home), await listApps(home)];
  const server = (name: string, found?: { pid: number; port: number; since: Date }): Part => ({
    name,
    address: found ? `127.0.0.1:${found.port}` : '',
    pid: found?.pid,
    since: found?.since,
    state: found ? 'running' : 'down',
  });
  const app = (name: string, port?: string): Part => {
    const found = apps.find((candidate) => candidate.name === name);
    const runs = found?.status === 'online';
    return {
      name,
      address: runs && port ? `127.0.0.1:${environment?.[port]}` : '',
      pid: runs ? found.pid : undefined,
      since: runs ? found.since : undefined,
      state: found?.status ?? 'down',
    };
  };
  return [...services.map(({ name, port }) => app(name, port)), server('rabbitmq', broker), server('postgresql', postgres)];
}

/** The lines of `npm run env`. */
export function environmentLines(home: string, environment: Environment): string[] {
  return Object.entries({ ...environment, PM2_HOME: pm2Home(home) }).map(([name, value]) => `${name}=${value}`);
}

async function requireFree(variable: string, port: string): Promise<void> {
  if (await isFree(Number(port))) return;
  throw new Failure(
    `Port ${port} (${variable}) is taken${holderOfPort(Number(port))}. Stop what listens there, or choose another port: ${variable}=${Number(port) + 1} npm start`,
  );
}

function reportChanges(saved: Environment, wanted: Environment, own: Record<string, string | undefined>, report: Report): void {
  const chosenHere = new Set(['MOVIES_DB_PORT', 'ORDERS_DB_PORT', 'RABBITMQ_PORT']);
  const changed = Object.keys(wanted).filter((name) => saved[name] !== wanted[name] && (!chosenHere.has(name) || own[name]));
  if (changed.length === 0) return;
  report.note(
    `Some of it runs already and keeps the settings of its start. To apply what has changed (${changed.join(', ')}): npm stop, then npm start.`,
  );
}

/** Waits for all, then throws the first failure: no step goes on behind the user's back. */
async function settleAll(work: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
