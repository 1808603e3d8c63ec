import { join } from 'node:path';
import { holderOfPort } from '../servers/listeners.ts';
import { withLock } from '../servers/lock.mjs';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { isFree } from '../servers/ports.ts';
import { renderDefinitions } from '../servers/rabbitmq/definitions.ts';
import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { type Environment, homeEnvironment } from '../stack/environment.ts';
import type { Servers } from '../stack/stack.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import { addDefinitions } from './brokers.ts';
import { clientsPort } from './environment.ts';
import { type Cluster, clusterOf } from './layout.ts';
import { portWritten } from './node-files.ts';
import { databasesAt } from './operator.ts';
import { startCluster, startServers, superuserAt } from './start.ts';
import { leaderOf } from './state.ts';
import { stopPrograms } from './stop.ts';

/**
 * Stops the services of all nodes, does that work with the servers, which are started where they are down, then starts all. The
 * clients' address stays where it is.
 */
export async function refillCluster(
  home: string,
  own: Record<string, string | undefined>,
  report: Report,
  refill: (servers: Servers) => Promise<void>,
): Promise<void> {
  await alone(home, report, async () => {
    const cluster = clusterOf(home);
    const environment = homeEnvironment(home, own);
    const port = await portFor(cluster, environment);
    await stopPrograms(cluster.nodes, ['api_gateway', 'billing_app', 'inventory_app'], report);
    await startServers(cluster, environment, port, report);
    const leader = await leaderOf(cluster);
    if (!leader) throw new Failure('PostgreSQL has lost its primary: npm run cluster -- status says what runs.');
    const rabbitmq = await findRabbitmq();
    await refill({
      server: superuserAt(cluster, leader),
      broker: {
        addDefinitions: (definitions) => addDefinitions(cluster, rabbitmq, definitions),
        importDefinitions: (wanted) => addDefinitions(cluster, rabbitmq, renderDefinitions(wanted)),
      },
      environment: databasesAt(environment, leader),
    });
    // Once more with the servers: what belongs to a database goes with it, such as how its commits wait for a standby.
    await startCluster(cluster, environment, port, report);
  });
}

/** Of the clients' address: that of what runs, as long as it runs. */
export async function portFor({ home }: Cluster, environment: Environment): Promise<number> {
  const running = findDaemon(home) && portWritten(home);
  if (running) return running;
  const port = clientsPort(environment);
  if (port <= 65_535 && (await isFree(port))) return port;
  throw new Failure(
    `The clients' address would be port ${port}, API_GATEWAY_PORT and a thousand more, which ${port > 65_535 ? 'is none' : `is taken${holderOfPort(port)}`}. Choose another one: API_GATEWAY_PORT=3100 npm run cluster -- start`,
  );
}

/** Does the work while nobody else starts or stops the cluster. */
export function alone<T>(home: string, report: Report, work: () => Promise<T>): Promise<T> {
  return withLock(join(home, 'lock'), work, (holder) =>
    report.note(`Waiting for process ${holder}, which is starting or stopping the cluster`),
  );
}
