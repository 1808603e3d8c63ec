import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../checkout.mjs';
import { renderDefinitions } from '../servers/rabbitmq/definitions.ts';
import { pathFromCheckout, type RabbitmqInstallation } from '../servers/rabbitmq/installation.ts';
import type { Environment } from '../stack/environment.ts';
import { clusterEnvironment } from './environment.ts';
import type { Cluster, Node } from './layout.ts';
import { entryTo } from './network.ts';
import { brokerEnvironment, brokerName } from './node-files.ts';

const run = promisify(execFile);

/** Gives what the program (`rabbitmqctl`, `rabbitmq-queues`) printed. Rejects when it ends with anything but 0. */
export async function control(
  cluster: Cluster,
  node: Node,
  rabbitmq: RabbitmqInstallation,
  program: string,
  ...args: string[]
): Promise<string> {
  const env = { ...process.env, ...brokerEnvironment(cluster, node, rabbitmq) };
  const names = ['--quiet', '--longnames', '--node', brokerName(node)];
  const [command, ...rest] = [...entryTo(node), join(rabbitmq.scripts, program), ...names, ...args];
  return (await run(command!, rest, { cwd: checkout, env })).stdout;
}

interface ClusterStatus {
  disk_nodes: string[];
  running_nodes: string[];
  /** Whom each node does not see. */
  partitions: Record<string, string[]>;
}

const statusAt = async (cluster: Cluster, node: Node, rabbitmq: RabbitmqInstallation): Promise<ClusterStatus> =>
  JSON.parse(await control(cluster, node, rabbitmq, 'rabbitmqctl', 'cluster_status', '--formatter', 'json'));

/** Whether all brokers see each other, as that one says. It waits for one that stands still until that is given up. */
export async function areTogether(cluster: Cluster, node: Node, rabbitmq: RabbitmqInstallation): Promise<boolean> {
  const { running_nodes, partitions } = await statusAt(cluster, node, rabbitmq);
  return running_nodes.length === cluster.nodes.length && Object.keys(partitions).length === 0;
}

/** Why no broker takes orders: which of them has too little of what, as that one knows (https://www.rabbitmq.com/docs/alarms). */
export async function alarmsAt(cluster: Cluster, node: Node, rabbitmq: RabbitmqInstallation): Promise<string[]> {
  const answer = await control(cluster, node, rabbitmq, 'rabbitmqctl', 'eval', 'rabbit_alarm:get_alarms().');
  return [...answer.matchAll(/resource_limit,(disk|memory),'?([\w-]+)@/g)].map(([, resource, name]) => `${resource} on ${name}`);
}

/** The queues of which not every copy works, and how many do, as that broker says (https://www.rabbitmq.com/docs/man/rabbitmqctl.8#list_queues). */
export async function incompleteQueues(
  cluster: Cluster,
  node: Node,
  rabbitmq: RabbitmqInstallation,
): Promise<{ name: string; copies: number }[]> {
  // It asks every broker that it takes for one that runs, and would wait a minute for one that stands still.
  const columns = ['name', 'online', '--formatter', 'json', '--timeout', '5'];
  const { RABBITMQ_VHOST, BILLING_QUEUE, BILLING_DEAD_LETTER_QUEUE } = clusterEnvironment(cluster.home);
  const answer = await control(cluster, node, rabbitmq, 'rabbitmqctl', 'list_queues', '--vhost', RABBITMQ_VHOST!, ...columns);
  const queues: { name: string; online: string[] }[] = JSON.parse(answer);
  const unlisted = [BILLING_QUEUE!, BILLING_DEAD_LETTER_QUEUE!].filter((name) => !queues.some((queue) => queue.name === name));
  return queues
    .map(({ name, online }) => ({ name, copies: online.length }))
    .concat(unlisted.map((name) => ({ name, copies: 0 }))) // a queue of which most copies have ended is left out
    .filter(({ copies }) => copies < cluster.nodes.length);
}

/** Whether it has ever been a member. */
export const hasJoined = (node: Node): boolean => existsSync(join(node.folder, 'rabbitmq', 'data', brokerName(node)));

/** What the others know of a broker that has lost its data, before it joins them anew. Else they refuse it. */
export async function forget(cluster: Cluster, lost: Node, remaining: Node, rabbitmq: RabbitmqInstallation): Promise<void> {
  const { disk_nodes } = await statusAt(cluster, remaining, rabbitmq);
  if (!disk_nodes.includes(brokerName(lost))) return;
  await control(cluster, remaining, rabbitmq, 'rabbitmq-queues', 'shrink', brokerName(lost));
  await control(cluster, remaining, rabbitmq, 'rabbitmqctl', 'forget_cluster_node', brokerName(lost));
}

/** Users, queues and policies, when all nodes are there: a queue has its copies where nodes are when it is made. */
export async function prepareBrokers(cluster: Cluster, environment: Environment, rabbitmq: RabbitmqInstallation): Promise<void> {
  const [first] = cluster.nodes;
  await addDefinitions(cluster, rabbitmq, renderDefinitions(environment));
  // A node that was made anew has no copy yet. Where there is one, nothing happens.
  for (const node of cluster.nodes) await control(cluster, first!, rabbitmq, 'rabbitmq-queues', 'grow', brokerName(node), 'all');
}

/** What has a name there becomes as it is in those definitions. */
export async function addDefinitions(cluster: Cluster, rabbitmq: RabbitmqInstallation, definitions: string): Promise<void> {
  const [first] = cluster.nodes;
  const file = join(first!.folder, 'rabbitmq', 'definitions.json');
  writeFileSync(file, definitions, { mode: 0o600 });
  await control(cluster, first!, rabbitmq, 'rabbitmqctl', 'import_definitions', pathFromCheckout(file));
}
