import { join } from 'node:path';
import { withLock } from '../servers/lock.mjs';
import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { homeEnvironment, requireSettings } from '../stack/environment.ts';
import type { Servers } from '../stack/stack.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import { addDefinitions } from './brokers.ts';
import { portFor } from './clients-port.ts';
import { nodeEnvironment } from './environment.ts';
import { clusterOf } from './layout.ts';
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
    requireSettings(nodeEnvironment(cluster, cluster.nodes[0]!, environment));
    const port = await portFor(cluster, environment);
    await stopPrograms(cluster.nodes, ['api_gateway', 'billing_app', 'inventory_app'], report);
    await startServers(cluster, environment, port, report);
    const leader = await leaderOf(cluster);
    if (!leader) throw new Failure('PostgreSQL has lost its primary: npm run cluster -- status says what runs.');
    const rabbitmq = await findRabbitmq();
    await refill({
      server: superuserAt(cluster, leader),
      broker: { addDefinitions: (definitions) => addDefinitions(cluster, rabbitmq, definitions) },
      environment: databasesAt(environment, leader),
    });
    // Once more with the servers: what belongs to a database goes with it, such as how its commits wait for a standby.
    await startCluster(cluster, environment, port, report);
  });
}

/** Does the work while nobody else starts or stops the cluster. */
export function alone<T>(home: string, report: Report, work: () => Promise<T>): Promise<T> {
  return withLock(join(home, 'lock'), work, (holder) =>
    report.note(`Waiting for process ${holder}, which is starting or stopping the cluster`),
  );
}
