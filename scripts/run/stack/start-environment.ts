import { listensOn } from '../servers/listeners.ts';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { freePort, isFree } from '../servers/ports.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import { type Environment, homeEnvironment, requireUsable, savedEnvironment, savedOverrides } from './environment.ts';
import { movedServer } from './findings.ts';
import { takenText } from './readiness.ts';
import { isUp, type Running, runsAny } from './running.ts';
import { instancesOf, type Service, services } from './services.ts';

type Variables = Record<string, string | undefined>;

interface StartEnvironment {
  environment: Environment;
  /** What was set for this start, and for the starts of what runs already. */
  overrides: Variables;
  /** The environment of the last start. */
  saved: Environment;
}

/** What the stack is to be started with. Throws a Failure when a value is of no use, or a port is taken. */
export async function startEnvironment(
  home: string,
  own: Variables,
  running: Running,
  report: Report,
): Promise<StartEnvironment> {
  const joins = runsAny(running);
  // What was set for the start of what runs goes on to hold.
  const overrides = { ...(joins ? savedOverrides(home) : {}), ...own };
  const environment = homeEnvironment(home, overrides);
  const saved = savedEnvironment(home) ?? {};
  const place = (name: string, server?: { port: number }) => {
    if (server && own[name] && own[name] !== String(server.port))
      report.note(`${name} stays ${server.port}, where the server runs. To move it: npm stop, then npm start.`);
    if (server) environment[name] = String(server.port);
    else if (joins && !own[name]) environment[name] = saved[name] ?? environment[name]!;
  };
  place('MOVIES_DB_PORT', running.postgres);
  place('RABBITMQ_PORT', running.broker);
  if (own.ORDERS_DB_PORT === undefined || running.postgres) environment.ORDERS_DB_PORT = environment.MOVIES_DB_PORT!;
  requireUsable(environment);
  for (const each of services) environment[each.metrics] = await metricsPort(each, environment, own, running, saved);
  await requirePorts(home, environment, own, running, report);
  return { environment, overrides, saved };
}

/** Servers whose port nobody has chosen may take another one than that of their last start. */
async function requirePorts(
  home: string,
  environment: Environment,
  own: Variables,
  running: Running,
  report: Report,
): Promise<void> {
  const daemon = findDaemon(home);
  for (const { name, port } of services) {
    const moves = running.apps.get(name)?.[0]?.environment[port ?? ''] !== environment[port ?? ''];
    if (!port || (isUp(running, name) && !moves)) continue;
    // After new code that did not start, our own PM2 runs the old process a while longer.
    if (daemon === undefined || listensOn(daemon, Number(environment[port])) !== true)
      await requireFree(port, environment[port]!);
  }
  for (const [title, name, server] of [
    ['PostgreSQL', 'MOVIES_DB_PORT', running.postgres],
    ['RabbitMQ', 'RABBITMQ_PORT', running.broker],
  ] as const) {
    if (server) continue;
    if (own[name]) await requireFree(name, environment[name]!);
    else if (runsAny(running)) await movedServer(title, environment[name]!).then((text) => text && report.note(text));
  }
}

/** The ports of one that runs stay where they are; else those that nobody has chosen are the next that are free. */
async function metricsPort(each: Service, environment: Environment, own: Variables, running: Running, saved: Environment) {
  const wanted = environment[each.metrics] ?? '';
  if (wanted === '' || own[each.metrics]) return wanted;
  if (isUp(running, each.name)) return saved[each.metrics] ?? wanted;
  return String(await freePort(Number(wanted), instancesOf(each, environment)));
}

async function requireFree(variable: string, port: string): Promise<void> {
  if (!(await isFree(Number(port)))) throw new Failure(takenText(variable, Number(port)));
}
