import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../servers/lock.mjs';
import { databases, isMigrated, migrate } from '../servers/migrations.ts';
import { type App, deleteApp, listApps, reloadApp, startApp } from '../servers/pm2/apps.ts';
import { findDaemon, startDaemon, stopDaemon } from '../servers/pm2/daemon.ts';
import { isFree } from '../servers/ports.ts';
import { ensureDatabases } from '../servers/postgres/databases.ts';
import { findPostgres, startPostgres } from '../servers/postgres/postgres.ts';
import { findBroker, stopBroker } from '../servers/rabbitmq/node-files.ts';
import { startBroker } from '../servers/rabbitmq/rabbitmq.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import {
  type Environment,
  homeEnvironment,
  overridesIn,
  requireUsable,
  savedEnvironment,
  savedOverrides,
  saveEnvironment,
} from './environment.ts';
import { emptyDatabases, movedServer } from './findings.ts';
import { requireOwner } from './home.ts';
import { othersTake, takenText, untilReady } from './readiness.ts';
import { environmentAfter, environmentOf, outdated, type Service, services } from './services.ts';

interface Running {
  environment: Environment;
  /** Nothing had to be started. */
  wasComplete: boolean;
}

/**
 * Starts what is down of the stack below `home`, and waits until all of it is ready. What runs with today's
 * code and settings is left alone; what does not is started anew, without losing what it has in hand.
 */
export function startStack(home: string, own: Record<string, string | undefined>, report: Report): Promise<Running> {
  requireOwner(home);
  mkdirSync(home, { recursive: true });
  return withLock(
    join(home, 'stack.lock'),
    () => start(home, own, report),
    (holder) => report.note(`Waiting for process ${holder}, which is starting or stopping the stack`),
  );
}

async function start(home: string, own: Record<string, string | undefined>, report: Report): Promise<Running> {
  const apps = new Map((await listApps(home)).map((app) => [app.name, app]));
  const isUp = (name: string) => apps.get(name)?.status === 'online';
  const [postgres, broker] = [findPostgres(home), findBroker(home)];
  const joins = postgres !== undefined || broker !== undefined || services.some(({ name }) => isUp(name));
  // What was set for the start of what runs goes on to hold.
  const before = joins ? savedOverrides(home) : {};
  const overrides = { ...before, ...own };
  const environment = homeEnvironment(home, overrides);
  const saved = savedEnvironment(home) ?? {};
  const place = (name: string, running?: { port: number }) => {
    if (running && own[name] && own[name] !== String(running.port))
      report.note(`${name} stays ${running.port}, where the server runs. To move it: npm stop, then npm start.`);
    if (running) environment[name] = String(running.port);
    else if (joins && !own[name]) environment[name] = saved[name] ?? environment[name]!;
  };
  place('MOVIES_DB_PORT', postgres);
  place('RABBITMQ_PORT', broker);
  if (own.ORDERS_DB_PORT === undefined || postgres) environment.ORDERS_DB_PORT = environment.MOVIES_DB_PORT!;
  requireUsable(environment);
  for (const { name, port } of services) {
    const moves = apps.get(name)?.environment[port ?? ''] !== environment[port ?? ''];
    if (port && (!isUp(name) || moves)) await requireFree(port, environment[port]!);
  }
  for (const [title, name, running] of [
    ['PostgreSQL', 'MOVIES_DB_PORT', postgres],
    ['RabbitMQ', 'RABBITMQ_PORT', broker],
  ] as const) {
    if (running) continue;
    if (own[name]) await requireFree(name, environment[name]!);
    else if (joins) await movedServer(title, environment[name]!).then((text) => text && report.note(text));
  }
  await stopFormerOwners(home, apps, environment, report);

  const databasesReady = report.step('PostgreSQL', async (detail) => {
    const exact = own.MOVIES_DB_PORT !== undefined;
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
  const migrated = databasesReady.then(async (server) => {
    const done = await Promise.all(databases.map(({ app, prefix }) => isMigrated(server, app, environment[`${prefix}_NAME`]!)));
    const behind = databases.filter((_, i) => !done[i]);
    if (behind.length === 0) return;
    await report.step('Migrations', async () => {
      await Promise.all(behind.map(({ app }) => migrate(app, environment)));
    });
  });
  const brokerReady = report.step('RabbitMQ', async (detail) => {
    const exact = own.RABBITMQ_PORT !== undefined;
    const port = Number(environment.RABBITMQ_PORT);
    const running = await startBroker({ home, port, exact, environment, onProgress: detail });
    environment.RABBITMQ_PORT = String(running.port);
    detail(`127.0.0.1:${running.port}`);
  });
  await settleAll([migrated, brokerReady]);
  for (const text of emptyDatabases(saved, environment)) report.note(text);
  saveEnvironment(home, { environment, overrides: overridesIn(overrides, environment) });

  // One that runs nothing may be anybody's, on a Node that cannot run the services.
  if (![...apps.values()].some(({ status }) => status === 'online')) await stopDaemon(home);
  if (findDaemon(home) === undefined) await report.step('PM2', () => startDaemon(home));
  const down = services.filter(({ name }) => !isUp(name) || !apps.has(name));
  await settleAll(down.map((service) => startService(home, service, environment, report)));
  // What takes work in comes last: it needs what the others are by then.
  let changed = 0;
  for (const service of services.filter((candidate) => !down.includes(candidate)).toReversed()) {
    const running = apps.get(service.name)!;
    const old = outdated(service, running, environment);
    if (!old) continue;
    changed++;
    report.note(`${service.name} runs with old ${old}: it finishes what it has in hand and starts anew`);
    await startService(home, service, environment, report, running);
  }
  await report.step('All ready', () => untilReady(home, environment));
  return { environment, wasComplete: down.length + changed === 0 && postgres !== undefined && broker !== undefined };
}

/** Starts a service, beside its running process where that is possible, and gives up as soon as another program has its port. */
function startService(home: string, service: Service, environment: Environment, report: Report, running?: App): Promise<void> {
  const { workspace, name, port } = service;
  return report.step(name, async (detail) => {
    if (port) detail(`127.0.0.1:${environment[port]}`);
    const control = new AbortController();
    const starting = running?.reloadable
      ? reloadApp(home, workspace, environmentAfter(service, running, environment), control.signal)
      : startApp(home, workspace, name, environmentOf(service, environment), control.signal);
    const taken = port && othersTake(home, name, port, Number(environment[port]), control.signal);
    const problem = await Promise.race([starting.then(() => ''), ...(taken ? [taken] : [])]).finally(() => control.abort());
    if (!problem) return;
    await starting.catch(() => {});
    await deleteApp(home, name); // it would go on trying
    throw new Failure(problem);
  });
}

/** A running service must not meet tables that have just become another role's. */
async function stopFormerOwners(home: string, apps: Map<string, App>, environment: Environment, report: Report): Promise<void> {
  for (const { app, prefix } of databases) {
    const { name } = services.find(({ workspace }) => workspace === app)!;
    const running = apps.get(name);
    const key = `${prefix}_USER`;
    if (!running || running.environment[key] === environment[key]) continue;
    report.note(`${key} is ${environment[key]} now, and was ${running.environment[key]}: the tables become that role's`);
    await report.step(`Stop ${name}`, () => deleteApp(home, name));
    apps.delete(name);
  }
}

/**
 * Stops all of it, what takes work in first; nothing that was answered is lost. What follows is done before anything can be
 * started again. Gives false when nothing ran.
 */
export async function stopStack(home: string, report: Report, andThen: () => void = () => {}): Promise<boolean> {
  requireOwner(home);
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
      andThen();
      return ran;
    },
    (holder) => report.note(`Waiting for process ${holder}, which is starting or stopping the stack`),
  );
}

async function requireFree(variable: string, port: string): Promise<void> {
  if (!(await isFree(Number(port)))) throw new Failure(takenText(variable, Number(port)));
}

/** Waits for all, then throws the first failure: no step goes on behind the user's back. */
async function settleAll(work: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
