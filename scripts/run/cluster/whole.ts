import { findRabbitmq } from '../servers/rabbitmq/installation.ts';
import { areTogether, haveMajorities } from './brokers.ts';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { redundancy, stateOf } from './state.ts';

/** Whether nothing is missing: any one node may be lost now. */
export async function isWhole(cluster: Cluster): Promise<boolean> {
  if (!redundancy(await Promise.all(cluster.nodes.map(stateOf))).isWhole) return false;
  const rabbitmq = await findRabbitmq();
  const together = await areTogether(cluster, cluster.nodes[0]!, rabbitmq).catch(() => false);
  return together && (await haveMajorities(cluster, rabbitmq));
}

/**
 * Hands the primary of that node to its synchronous standby, and waits until that one is it
 * (https://patroni.readthedocs.io/en/latest/rest_api.html#switchover-and-failover-endpoints). Nothing happens where it does not lead.
 */
export async function switchOver(node: Node): Promise<void> {
  const answer = await fetch(`http://${node.address}:${PORTS.patroni}/switchover`, {
    method: 'POST',
    body: JSON.stringify({ leader: node.name }),
    signal: AbortSignal.timeout(30_000),
  });
  const NOT_LEADING = 412;
  if (!answer.ok && answer.status !== NOT_LEADING)
    throw new Error(`Patroni of ${node.name}: ${answer.status} ${await answer.text()}`);
}
