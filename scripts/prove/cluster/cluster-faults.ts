import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { control } from '../../run/cluster/brokers.ts';
import { clusterEnvironment } from '../../run/cluster/environment.ts';
import { type Cluster, dataOf, type Node, PORTS } from '../../run/cluster/layout.ts';
import { cut } from '../../run/cluster/network.ts';
import { freezeNode, killNode } from '../../run/cluster/processes.ts';
import { restartNodes } from '../../run/cluster/rolling.ts';
import { appPids } from '../../run/servers/pm2/apps.ts';
import { findRabbitmq } from '../../run/servers/rabbitmq/installation.ts';
import { SILENT as SILENT_REPORT } from '../../run/terminal/report.ts';
import type { Random } from '../random.ts';
import { emptyDisk, fillDisk, hasDisk, renewDisk, slowDisk } from './disks.ts';

/** What a client may miss, at most, in milliseconds without a success. */
export interface Limits {
  order: number;
  'film read': number;
  'film write': number;
}

/** Nothing breaks by itself: somebody has to miss an answer. */
const SILENT: Limits = { order: 3000, 'film read': 2500, 'film write': 30_000 };
const KILLED: Limits = { order: 2000, 'film read': 2500, 'film write': 25_000 };
const PROCESS: Limits = { order: 2000, 'film read': 2500, 'film write': 5000 };

export interface Fault {
  what: string;
  /** Whether it lasts long enough for another primary where it hits that. */
  isLong: boolean;
  limits: Limits;
  /** How many requests may be answered by anything but a success; any number without it. */
  mayFail?: number;
  hit(): Promise<unknown> | unknown;
  /** What a start of the cluster does not make good. */
  undo?(): Promise<unknown> | unknown;
}

type Make = (cluster: Cluster, node: Node, others: Node[], random: Random) => Fault;

const ofNode =
  (verb: string, limits: Limits, hit: (cluster: Cluster, node: Node, others: Node[]) => Promise<unknown> | unknown): Make =>
  (cluster, node, others) => ({ what: `${verb} ${node.name}`, isLong: true, limits, hit: () => hit(cluster, node, others) });

/** Of the nodes with a network of their own only. */
const CABLES: Make[] = [
  ofNode('cut all cables of', SILENT, (cluster, node) => cut(cluster, node)),
  ofNode('power off', SILENT, async (cluster, node) => {
    await cut(cluster, node); // nothing says goodbye
    await killNode(node);
  }),
  (cluster, node, others, random) => {
    const other = random.pick(others);
    return {
      what: `cut the cable between ${node.name} and ${other.name}`,
      isLong: false,
      limits: SILENT,
      hit: () => cut(cluster, node, other),
    };
  },
  ofNode('lose all that is sent by', SILENT, (cluster, node) => cut(cluster, node, undefined, true)),
];

/** Of the nodes with a disk of their own only. */
const DISKS: Make[] = [
  (_, node) => ({
    what: `fill the disk of ${node.name}`,
    isLong: true,
    // RabbitMQ takes no more orders on any node until there is room: docs/cluster.md#a-nodes-disk-is-full
    limits: { ...SILENT, order: 50_000 },
    hit: () => fillDisk(node),
    undo: () => emptyDisk(node),
  }),
  (_, node) => {
    let undo: Fault['undo'];
    return {
      what: `slow down the disk of ${node.name}`,
      isLong: true,
      limits: SILENT,
      hit: async () => {
        undo = await slowDisk(node);
      },
      undo: () => undo?.(),
    };
  },
];

const NODES: Make[] = [
  ofNode('kill', KILLED, (_, node) => killNode(node)),
  ofNode('freeze', SILENT, (_, node) => freezeNode(node)),
  ofNode('make anew', KILLED, async (_, node) => {
    await killNode(node);
    if (hasDisk(node)) await renewDisk(node);
    else rmSync(node.folder, { recursive: true, force: true });
  }),
];

const PROGRAMS = ['etcd', 'patroni', 'haproxy', 'rabbitmq', 'inventory_app', 'billing_app', 'api_gateway', 'postgres'] as const;

const ofProgram =
  (program: (typeof PROGRAMS)[number], signal: 'SIGKILL' | 'SIGSTOP'): Make =>
  (_, node) => ({
    what: `${signal} ${program} of ${node.name}`,
    // A standby takes over from a Patroni that stands still.
    isLong: signal === 'SIGSTOP' && program === 'patroni',
    limits: signal === 'SIGKILL' ? PROCESS : SILENT,
    hit: () => {
      for (const pid of pidsOf(node, program)) process.kill(pid, signal);
    },
  });

function pidsOf(node: Node, program: (typeof PROGRAMS)[number]): number[] {
  if (program !== 'postgres') return appPids(node.folder, program);
  return [Number(readFileSync(join(dataOf(node), 'postmaster.pid'), 'utf8').split('\n')[0])];
}

/**
 * Hands the primary of that node to its synchronous standby, and waits until that one is it
 * (https://patroni.readthedocs.io/en/latest/rest_api.html#switchover-and-failover-endpoints). Nothing happens where it does not lead.
 */
async function switchOver(node: Node): Promise<void> {
  const answer = await fetch(`http://${node.address}:${PORTS.patroni}/switchover`, {
    method: 'POST',
    body: JSON.stringify({ leader: node.name }),
    signal: AbortSignal.timeout(30_000),
  });
  const NOT_LEADING = 412;
  if (!answer.ok && answer.status !== NOT_LEADING)
    throw new Error(`Patroni of ${node.name}: ${answer.status} ${await answer.text()}`);
}

const MOVES: Make[] = [
  (_, node) => ({
    what: `switch the primary over from ${node.name}`,
    isLong: false,
    limits: PROCESS,
    hit: () => switchOver(node),
  }),
  (cluster, node) => ({
    what: `move the queues' leaders, by ${node.name}`,
    isLong: false,
    limits: PROCESS,
    hit: async () => control(cluster, node, await findRabbitmq(() => {}), 'rabbitmq-queues', 'rebalance', 'quorum'),
  }),
];

/** The last of every proof. Whoever restarts everything in the right way loses no request. */
export const rollingRestart = (cluster: Cluster, port: number): Fault => ({
  what: 'restart everything, one node after the other',
  isLong: false,
  limits: PROCESS,
  mayFail: 0,
  hit: () => restartNodes(cluster, clusterEnvironment(cluster.home), port, SILENT_REPORT),
});

/** Every kind of fault that can be made here. */
export function kindsOf(cluster: Cluster): Make[] {
  const programs = PROGRAMS.flatMap((program) => [ofProgram(program, 'SIGKILL'), ofProgram(program, 'SIGSTOP')]);
  const disks = cluster.nodes.every(hasDisk) ? DISKS : [];
  return [...NODES, ...(cluster.isolated ? CABLES : []), ...disks, ...MOVES, ...programs];
}
