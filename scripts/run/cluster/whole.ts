import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { areTogether, haveMajorities } from './brokers.ts';
import type { Cluster } from './layout.ts';
import { redundancy, stateOf } from './state.ts';

/** Whether nothing is missing: any one node may be lost now. */
export async function isWhole(cluster: Cluster): Promise<boolean> {
  if (!redundancy(await Promise.all(cluster.nodes.map(stateOf))).isWhole) return false;
  const rabbitmq = await findRabbitmq();
  const together = await areTogether(cluster, cluster.nodes[0]!, rabbitmq).catch(() => false);
  return together && (await haveMajorities(cluster, rabbitmq));
}
