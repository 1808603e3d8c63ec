import { join } from 'node:path';
import type { Role } from '../../../api-gateway/app/live/patroni.ts';
import { checkout } from '../checkout.mjs';
import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import type { ControlProgram } from '../servers/rabbitmq/rabbitmq.ts';
import type { Environment } from '../stack/environment.ts';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { entryTo } from './network.ts';
import { brokerEnvironment } from './node-files.ts';
import { type NodeState, stateOf } from './state.ts';

/** From which node an operator has the databases: who leads, else who has most of what was written. */
const READABLE: Role[] = ['primary', 'synchronous standby', 'standby'];

/** That environment with the addresses of PostgreSQL and RabbitMQ themselves, on nodes where they run. */
export async function operatorEnvironment(cluster: Cluster, environment: Environment): Promise<Environment> {
  const states = await Promise.all(cluster.nodes.map(stateOf));
  const nodeWhere = (wanted: (state: NodeState) => boolean) => cluster.nodes.find((_, i) => wanted(states[i]!));
  const [first] = cluster.nodes; // nothing answers there: whoever asks says so
  const database = READABLE.map((role) => nodeWhere(({ postgres }) => postgres?.role === role)).find(Boolean) ?? first!;
  const broker = nodeWhere(({ rabbitmq }) => rabbitmq) ?? first!;
  return {
    ...databasesAt(environment, database),
    RABBITMQ_HOST: broker.address,
    RABBITMQ_PORT: String(PORTS.rabbitmq),
  };
}

/** That environment with both databases at the PostgreSQL of that node, past its HAProxy. */
export const databasesAt = (environment: Environment, { address }: Node): Environment => ({
  ...environment,
  MOVIES_DB_HOST: address,
  MOVIES_DB_PORT: String(PORTS.postgres),
  ORDERS_DB_HOST: address,
  ORDERS_DB_PORT: String(PORTS.postgres),
});

/** For a broker of the cluster that runs, for somebody at a terminal; undefined when none does. */
export async function clusterControlProgram(cluster: Cluster): Promise<ControlProgram | undefined> {
  const states = await Promise.all(cluster.nodes.map(stateOf));
  const node = cluster.nodes.find((_, i) => states[i]!.rabbitmq);
  if (!node) return undefined;
  const installation = await findRabbitmq();
  const env = { ...process.env, ...brokerEnvironment(cluster, node, installation) };
  const [program, ...args] = [...entryTo(node), join(installation.scripts, 'rabbitmqctl')];
  return { program: program!, args, env, cwd: checkout };
}
