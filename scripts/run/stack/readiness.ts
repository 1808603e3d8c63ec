import { setTimeout as sleep } from 'node:timers/promises';
import { holderOfPort, listensOn } from '../servers/listeners.ts';
import { appPids, isOnline, listApps } from '../servers/pm2/apps.ts';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { isFree } from '../servers/ports.ts';
import { waitFor } from '../servers/process.ts';
import { withOperator } from '../servers/rabbitmq/operator.ts';
import type { Broker } from '../servers/rabbitmq/rabbitmq.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Environment } from './environment.ts';
import { instancesOf, service, services } from './services.ts';
import { watchStart } from './start-watch.ts';

/** Milliseconds that a service has to become ready. */
const READY_LIMIT = 60_000;

/**
 * Every service says something that only a working one of this home can say. `returned`: a broker that has come back under a
 * running gateway, which is on its way to it. One that starts waits for the broker itself.
 */
export async function untilReady(home: string, environment: Environment, returned?: Broker): Promise<void> {
  const films = (name: string, port: string) => async () =>
    isOurs(home, name, Number(environment[port])) && (await answersMovies(environment[port]!));
  const checks: { what: string; passes: () => Promise<boolean> }[] = [
    { what: 'inventory_app does not serve films', passes: films('inventory_app', 'INVENTORY_PORT') },
    { what: 'api_gateway does not serve films', passes: films('api_gateway', 'API_GATEWAY_PORT') },
    { what: 'api_gateway does not reach RabbitMQ', passes: async () => !returned || mayPublish(returned, environment) },
    { what: 'billing_app does not consume its queue', passes: () => consumes(environment) },
    {
      what: 'PM2 does not show every process online',
      passes: async () => (await listApps(home)).filter(isOnline).length >= allInstances(environment),
    },
  ];
  const watches = await Promise.all(services.map(({ name }) => watchStart(home, name)));
  const complaint = () => watches.map((watch) => watch.complaint()).find((text) => text !== undefined);
  try {
    for (const { what, passes } of checks) {
      const passed = () => passes().catch(() => false);
      if (!(await waitFor(READY_LIMIT, async () => (await passed()) || complaint() !== undefined)))
        throw new Failure(`${what} after ${READY_LIMIT / 1000} seconds: npm run logs shows what it says.`);
      if (complaint() !== undefined && !(await passed())) throw new Failure(complaint()!);
    }
  } finally {
    for (const watch of watches) watch.end();
  }
}

const allInstances = (environment: Environment): number =>
  services.reduce((sum, service) => sum + instancesOf(service, environment), 0);

/** Whether our own service has the port. PM2's daemon listens for what it runs as a cluster. */
function isOurs(home: string, name: string, port: number): boolean {
  const daemon = findDaemon(home);
  return [...appPids(home, name), ...(daemon ? [daemon] : [])].some((pid) => listensOn(pid, port) !== false);
}

/** Resolves with what to say when something else has the port that a service of ours is about to take. */
export async function othersTake(
  home: string,
  name: string,
  variable: string,
  port: number,
  signal: AbortSignal,
): Promise<string> {
  for (let seen = 0; !signal.aborted; await sleep(200)) {
    seen = (await isFree(port)) || isOurs(home, name, port) ? 0 : seen + 1;
    if (seen > 2) return takenText(variable, port); // not only in the moment between our own start and its note by PM2
  }
  return '';
}

export const takenText = (variable: string, port: number): string =>
  `Port ${port} (${variable}) is taken${holderOfPort(port)}. Stop what listens there, or choose another port: ${variable}=${port + 1} npm start`;

async function answersMovies(port: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/movies/1`, { signal: AbortSignal.timeout(2000) });
  await answer.body?.cancel();
  return answer.ok || answer.status === 404;
}

/** Whether every process of the gateway has its confirm channel. */
async function mayPublish(broker: Broker, environment: Environment): Promise<boolean> {
  const channels = await broker.control('list_channels', 'user', 'confirm');
  const ready = channels.split('\n').filter((line) => line === `${environment.RABBITMQ_GATEWAY_USER}\ttrue`);
  return ready.length >= instancesOf(service('api_gateway'), environment);
}

/** Whether every process of billing consumes. */
const consumes = (environment: Environment): Promise<boolean> =>
  withOperator(environment, async (channel) => {
    const { consumerCount } = await channel.checkQueue(environment.BILLING_QUEUE!);
    return consumerCount >= instancesOf(service('billing_app'), environment);
  });
