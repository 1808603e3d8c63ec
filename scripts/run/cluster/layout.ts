import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../terminal/failure.mjs';

export const NAMES = ['node-1', 'node-2', 'node-3'] as const;

/** On each node's address. Below those that the system gives to outgoing connections. */
export const PORTS = {
  etcd: 22379,
  etcdPeers: 22380,
  patroni: 22008,
  postgres: 22432,
  /** HAProxy: to the PostgreSQL that takes writes. */
  primary: 22433,
  /** HAProxy: to those that have every film that was answered as written. */
  readers: 22434,
  /** The gateway, behind the clients' address. */
  gateway: 22300,
  inventory: 22080,
  /** Where billing says how it is. */
  billing: 22200,
  rabbitmq: 22672,
  /** Of the first node; each other has the next, because the port mapper that they share takes a port for one node's. */
  distribution: 22673,
  epmd: 22369,
} as const;

/** One of three equal machines, on an address of this computer. */
export interface Node {
  name: string;
  address: string;
  /** All that it keeps. Without it, it is a new machine. */
  folder: string;
}

export interface Cluster {
  home: string;
  nodes: Node[];
  secrets: Secrets;
}

interface Secrets {
  /** Of PostgreSQL's own users: for its administration, for its copies, and for a node that comes back. */
  superuser: string;
  replication: string;
  rewind: string;
  /** Of Erlang, among the brokers. */
  cookie: string;
}

/** The cluster below that home. Each home has addresses of its own, so that two checkouts, and a single stack, do not meet. */
export function clusterOf(home: string): Cluster {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const [second, third] = createHash('sha256').update(realpathSync(home)).digest();
  const nodes = NAMES.map((name, i) => ({
    name,
    address: `127.${(second! % 254) + 1}.${third!}.${i + 1}`, // never 127.0.x.x, where others are
    folder: join(home, name),
  }));
  return { home, nodes, secrets: secretsOf(home) };
}

function secretsOf(home: string): Secrets {
  const file = join(home, 'secrets.json');
  if (!existsSync(file)) {
    const [superuser, replication, rewind, cookie] = Array.from({ length: 4 }, () => randomBytes(24).toString('hex'));
    writeFileSync(file, JSON.stringify({ superuser, replication, rewind, cookie }), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** By its name, or by its number. */
export function nodeNamed(cluster: Cluster, name: string | undefined): Node {
  const found = cluster.nodes.find((node) => node.name === name || node.name === `node-${name}`);
  if (!found) throw new Failure(`Which node? One of ${NAMES.join(', ')}${name ? `: there is no "${name}"` : ''}.`);
  return found;
}
