import { deleteApp, listApps } from '../servers/pm2/apps.ts';
import { findDaemon, stopDaemon } from '../servers/pm2/daemon.ts';
import type { Report } from '../terminal/report.ts';
import type { Cluster, Node } from './layout.ts';
import { mend, removeNetwork } from './network.ts';
import { killNode, processesOf, thawNode } from './processes.ts';

/** In the order in which they stop: what takes work in first. HAProxy is the services' way to the database. */
export const ORDER = [
  'api_gateway',
  'billing_app',
  'inventory_app',
  'haproxy',
  'rejoin-broker',
  'rabbitmq',
  'patroni',
  'etcd',
] as const;

/** Those of these nodes, one kind after the other. What was frozen goes on, to stop. */
export async function stopPrograms(nodes: Node[], names: readonly string[], report: Report): Promise<void> {
  for (const node of nodes) thawNode(node);
  const up = nodes.filter(({ folder }) => findDaemon(folder) !== undefined);
  const known = new Set((await Promise.all(up.map(({ folder }) => listApps(folder)))).flat().map(({ name }) => name));
  for (const name of names.filter((one) => known.has(one))) {
    await report.step(name, async () => {
      await Promise.all(up.map(({ folder }) => deleteApp(folder, name)));
    });
  }
}

/** Stops all of it, one kind after the other on all nodes; nothing that was answered is lost. Gives false when nothing ran. */
export async function stopCluster(cluster: Cluster, report: Report): Promise<boolean> {
  const network = { name: 'network', address: '', folder: cluster.home };
  const ran = [...cluster.nodes, network].some((node) => processesOf(node).length > 0);
  await mend(cluster);
  await stopPrograms(cluster.nodes, ORDER, report);
  await Promise.all([...cluster.nodes, network].map(({ folder }) => stopDaemon(folder)));
  for (const node of cluster.nodes) await killNode(node); // what a crashed part left behind
  await removeNetwork(cluster);
  return ran;
}
