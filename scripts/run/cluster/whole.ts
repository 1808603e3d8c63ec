import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { brokersAt, incompleteQueues } from './brokers.ts';
import type { Cluster } from './layout.ts';
import { redundancy, stateOf } from './state.ts';

/** Whether nothing is missing: any one node may be lost now. */
export async function isWhole(cluster: Cluster): Promise<boolean> {
  if (!redundancy(await Promise.all(cluster.nodes.map(stateOf))).isWhole) return false;
  const rabbitmq = await findRabbitmq();
  const [first] = cluster.nodes;
  try {
    const { areTogether, alarms } = await brokersAt(cluster, first!, rabbitmq);
    if (!areTogether || alarms.length > 0) return false;
    return (await incompleteQueues(cluster, first!, rabbitmq)).length === 0;
  } catch {
    return false; // it does not answer, or its copies are gone
  }
}
