import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { alarmsAt, areTogether, incompleteQueues } from './brokers.ts';
import type { Cluster } from './layout.ts';
import { redundancy, stateOf } from './state.ts';

/** Whether nothing is missing: any one node may be lost now. */
export async function isWhole(cluster: Cluster): Promise<boolean> {
  if (!redundancy(await Promise.all(cluster.nodes.map(stateOf))).isWhole) return false;
  const rabbitmq = await findRabbitmq();
  const [first] = cluster.nodes;
  try {
    if (!(await areTogether(cluster, first!, rabbitmq))) return false;
    const missing = await Promise.all([alarmsAt, incompleteQueues].map((of) => of(cluster, first!, rabbitmq)));
    return missing.flat().length === 0;
  } catch {
    return false; // it does not answer, or its copies are gone
  }
}
