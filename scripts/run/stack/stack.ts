import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../servers/lock.mjs';
import { deleteApp } from '../servers/pm2/apps.ts';
import { findDaemon, stopDaemon } from '../servers/pm2/daemon.ts';
import type { PostgresAddress } from '../servers/postgres/connection.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { findBroker, stopBroker } from '../servers/rabbitmq/node-files.ts';
import type { Broker } from '../servers/rabbitmq/rabbitmq.ts';
import type { Report } from '../terminal/report.ts';
import { type Environment, overridesIn, saveEnvironment } from './environment.ts';
import { emptyDatabases } from './findings.ts';
import { requireOwner } from './home.ts';
import { untilReady } from './readiness.ts';
import { findRunning, isUp } from './running.ts';
import { settleAll, startDatabases, startMessaging, startStorage } from './server-start.ts';
import { ensureDaemon, renewServices, startDown, stopFormerOwners } from './service-start.ts';
import { services } from './services.ts';
import { startEnvironment } from './start-environment.ts';

interface Started {
  environment: Environment;
  /** Nothing had to be started. */
  wasComplete: boolean;
}

/**
 * Starts what is down of the stack below `home`, and waits until all of it is ready. What runs with today's
 * code and settings is left alone; what does not is started anew, without losing what it has in hand.
 */
export function startStack(home: string, own: Record<string, string | undefined>, report: Report): Promise<Started> {
  return alone(home, report, () => start(home, own, report));
}

/** The two servers, without a service that works on them. */
export interface Servers {
  server: PostgresAddress;
  broker: Pick<Broker, 'addDefinitions'>;
  environment: Environment;
}

/** Stops the services, does that work with the servers, which are started where they are down, then starts all. */
export function refillStack(
  home: string,
  own: Record<string, string | undefined>,
  report: Report,
  refill: (servers: Servers) => Promise<void>,
): Promise<Started> {
  return alone(home, report, async () => {
    const { environment, overrides } = await startEnvironment(home, own, await findRunning(home), report);
    await report.step('Stop services', () => stopServices(home, (_name, stop) => stop()));
    const storage = startDatabases(home, environment, own.MOVIES_DB_PORT !== undefined, report);
    const messaging = startMessaging(home, environment, own.RABBITMQ_PORT !== undefined, report);
    await settleAll([storage, messaging]);
    saveEnvironment(home, { environment, overrides: overridesIn(overrides, environment) });
    await refill({ server: await storage, broker: await messaging, environment });
    return start(home, own, report);
  });
}

async function start(home: string, own: Record<string, string | undefined>, report: Report): Promise<Started> {
  const running = await findRunning(home);
  const { environment, overrides, saved } = await startEnvironment(home, own, running, report);
  await stopFormerOwners(home, environment, running, report);
  const daemon = ensureDaemon(home, running, report);
  const storage = startStorage(home, environment, own.MOVIES_DB_PORT !== undefined, report);
  const messaging = startMessaging(home, environment, own.RABBITMQ_PORT !== undefined, report);
  // Films need no broker, which takes longest: inventory starts beside it.
  const films = Promise.all([daemon, storage]).then(() => startDown(home, ['inventory_app'], environment, running, report));
  films.catch(() => {}); // thrown below, when it is known where the servers are
  await settleAll([daemon, storage, messaging]).catch(async (error) => {
    await films.catch(() => {}); // no step goes on behind the sentence
    throw error;
  });
  const broker = await messaging;
  for (const text of emptyDatabases(saved, environment)) report.note(text);
  saveEnvironment(home, { environment, overrides: overridesIn(overrides, environment) });
  const others = startDown(home, ['api_gateway', 'billing_app'], environment, running, report);
  await settleAll([films, others]);
  const started = (await films) + (await others) + (await renewServices(home, environment, running, report));
  const returned = running.broker === undefined && isUp(running, 'api_gateway') ? broker : undefined;
  await report.step('All ready', () => untilReady(home, environment, returned));
  return { environment, wasComplete: started === 0 && running.postgres !== undefined && running.broker !== undefined };
}

/**
 * Stops all of it, what takes work in first; nothing that was answered is lost. What follows is done before anything can be
 * started again. Gives false when nothing ran.
 */
export async function stopStack(home: string, report: Report, andThen: () => void = () => {}): Promise<boolean> {
  return alone(home, report, async () => {
    const ran = findDaemon(home) !== undefined || findBroker(home) !== undefined || findPostgres(home) !== undefined;
    await stopServices(home, (name, stop) => report.step(name, stop));
    await stopDaemon(home);
    if (findBroker(home)) await report.step('RabbitMQ', () => stopBroker(home));
    else await stopBroker(home); // what a crashed one left
    const postgres = findPostgres(home);
    if (postgres) await report.step('PostgreSQL', () => postgres.stop());
    andThen();
    return ran;
  });
}

async function stopServices(home: string, each: (name: string, stop: () => Promise<void>) => Promise<void>): Promise<void> {
  for (const { name } of services) {
    if (findDaemon(home) !== undefined) await each(name, () => deleteApp(home, name));
  }
}

/** Does the work while nobody else starts or stops the stack. */
function alone<T>(home: string, report: Report, work: () => Promise<T>): Promise<T> {
  requireOwner(home);
  mkdirSync(home, { recursive: true });
  const lock = join(home, 'stack.lock');
  return withLock(lock, work, (holder) => report.note(`Waiting for process ${holder}, which is starting or stopping the stack`));
}
