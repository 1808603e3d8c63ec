import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Failure } from '../terminal/failure.mjs';
import type { Cluster, Node } from './layout.ts';

const run = promisify(execFile);

/*
 * Where it may be, each node has a network of its own (ip-netns(8)) with three cables: one to each other node, and one to this computer,
 * where the clients are. There is no switch between them: what firewalls and containers tell this computer to do with packets that
 * pass through it does not concern them.
 */

/** Where a cable ends. This computer has no namespace. */
interface End {
  name: string;
  address: string;
  namespace?: string | undefined;
}

export interface Cable {
  ends: [End, End];
}

/** Whether this user may make networks here. A container's root often may not. */
export function mayIsolate(): boolean {
  if (process.platform !== 'linux' || process.getuid!() !== 0) return false;
  const name = `crud-probe-${process.pid}`;
  const ip = (...args: string[]) => spawnSync('ip', args).status === 0;
  if (!ip('netns', 'add', name)) return false;
  const may = ip('-n', name, 'link', 'add', 'probe', 'type', 'veth', 'peer', 'name', 'probe-2') && enters(name);
  ip('netns', 'delete', name);
  return may;
}

const enters = (namespace: string) => spawnSync('nsenter', [`--net=${pathOf(namespace)}`, 'true']).status === 0;

const pathOf = (namespace: string) => `/run/netns/${namespace}`;

/** What a command starts with that is to run on that node's network. */
export const entryTo = ({ namespace }: Node): string[] => (namespace ? ['nsenter', `--net=${pathOf(namespace)}`] : []);

/** Whether its network is there. Where it is not, its address leads to who knows where. */
export const hasNetwork = ({ namespace }: Pick<Node, 'namespace'>): boolean => !namespace || existsSync(pathOf(namespace));

export function cablesOf({ nodes, host }: Cluster): Cable[] {
  const clients: End = { name: 'clients', address: host };
  return nodes.flatMap((node, i) => [clients, ...nodes.slice(i + 1)].map((other): Cable => ({ ends: [node, other] })));
}

/** Makes what is missing of it. A restart of the computer takes it away. */
export async function buildNetwork(cluster: Cluster): Promise<void> {
  if (!cluster.isolated) return;
  for (const { namespace, address } of cluster.nodes) {
    if (!existsSync(pathOf(namespace!))) await ip('netns', 'add', namespace!);
    await within(namespace, 'address', 'add', `${address}/32`, 'dev', 'lo');
    await within(namespace, 'link', 'set', 'lo', 'up');
  }
  for (const cable of cablesOf(cluster)) await lay(cable, cluster);
}

/** Each end's interface has the name of what is at the other one. */
async function lay({ ends: [node, other] }: Cable, cluster: Cluster): Promise<void> {
  const [here, there] = [interfaceOf(node, other, cluster), interfaceOf(other, node, cluster)];
  // This computer is what no name says: its interface is made there, and the other end is put into the node.
  const [first, second, near, far] = other.namespace ? [node, other, here, there] : [other, node, there, here];
  await within(first.namespace, 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', second.namespace!);
  for (const [from, to, device] of [
    [node, other, here],
    [other, node, there],
  ] as const) {
    if (!from.namespace) await within(undefined, 'address', 'add', `${from.address}/32`, 'dev', device);
    await within(from.namespace, 'link', 'set', device, 'up');
    await within(from.namespace, 'route', 'add', `${to.address}/32`, 'dev', device, 'src', from.address);
  }
}

/** At most 15 characters. Other checkouts have theirs on this computer, too. */
const interfaceOf = (end: End, other: End, { mark }: Cluster) =>
  end.namespace ? `to-${other.name}` : `crud${mark}-${other.name.slice(-1)}`;

export async function removeNetwork({ nodes }: Cluster): Promise<void> {
  for (const { namespace } of nodes) {
    if (namespace && existsSync(pathOf(namespace))) await ip('netns', 'delete', namespace);
  }
}

/** Nobody has this one, so that a packet to it gets lost without a word, as in a cable that is cut. */
const NOBODY = '02:00:00:00:00:01';

/** Loses what that end sends to the other, and says nothing to either. */
export async function lose(cluster: Cluster, from: End, to: End): Promise<void> {
  const device = interfaceOf(from, to, cluster);
  await within(from.namespace, 'neighbour', 'replace', to.address, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', device);
}

/** Cuts the cables between a node and another one, or all of a node's. With `oneWay` only what the first sends gets lost. */
export async function cut(cluster: Cluster, node: Node, other?: Node, oneWay = false): Promise<Cable[]> {
  if (!cluster.isolated)
    throw new Failure(
      'No cable can be cut: all nodes are on the loopback of this computer. As root, with iproute2, each gets a network of its own when a cluster is made: npm run cluster -- stop, rm -rf .local/cluster, npm run cluster -- start.',
    );
  if (!cluster.nodes.every(hasNetwork)) throw new Failure('The nodes have no networks yet: npm run cluster -- start makes them.');
  if (node === other)
    throw new Failure(`${node.name} has no cable to itself. Name another node, or none to cut all of its cables.`);
  const cables = cablesOf(cluster).filter(({ ends }) => ends.includes(node) && (!other || ends.includes(other)));
  for (const { ends } of cables) {
    const [from, to] = ends[0] === node ? ends : ([ends[1], ends[0]] as const);
    await lose(cluster, from, to);
    if (!oneWay) await lose(cluster, to, from);
  }
  return cables;
}

/** What is cut, in words: `node-1 to clients`. Nothing where there are no cables. */
export async function cutsOf(cluster: Cluster): Promise<string[]> {
  if (!cluster.isolated) return [];
  const directions = cablesOf(cluster).flatMap(({ ends: [a, b] }) => [[a, b] as const, [b, a] as const]);
  const lost = await Promise.all(
    directions.map(async ([from, to]) => {
      if (![from, to].every(hasNetwork)) return false;
      const shown = await within(from.namespace, 'neighbour', 'show', to.address, 'dev', interfaceOf(from, to, cluster));
      return shown.includes(NOBODY);
    }),
  );
  return directions.filter((_, i) => lost[i]).map(([from, to]) => `${from.name} to ${to.name}`);
}

/** All cables are whole again. */
export async function mend(cluster: Cluster): Promise<void> {
  if (!cluster.isolated || !cluster.nodes.every(hasNetwork)) return;
  for (const { ends } of cablesOf(cluster)) {
    const [a, b] = ends;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      await within(from.namespace, 'neighbour', 'flush', 'dev', interfaceOf(from, to, cluster), 'nud', 'permanent');
    }
  }
}

const within = (namespace: string | undefined, ...args: string[]) => ip(...(namespace ? ['-n', namespace] : []), ...args);

/** What is there already stays. */
async function ip(...args: string[]): Promise<string> {
  try {
    return (await run('ip', args)).stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    if (/File exists|already assigned/.test(stderr)) return '';
    throw new Failure(`The network of the nodes: ip ${args.join(' ')} failed: ${stderr.trim() || message}`);
  }
}
