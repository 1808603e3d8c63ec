import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../terminal/failure.mjs';
import { mayIsolate } from './network.ts';

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
} as const;

/** One of three equal machines, on an address of this computer. */
export interface Node {
  name: string;
  address: string;
  /** All that it keeps. Without it, it is a new machine. */
  folder: string;
  /** Its own network, where it has one. */
  namespace?: string | undefined;
}

export interface Cluster {
  home: string;
  /** Tells its interfaces from those of other clusters on this computer. */
  mark: string;
  nodes: Node[];
  /** Whether each node has a network of its own, whose cables can be cut. Else all are on the loopback of this computer. */
  isolated: boolean;
  /** Where connections of this computer itself to a node come from. */
  host: string;
  /**
   * Of Erlang: the port mapper's, and where brokers talk to each other. The first node's; each other has the next, because on one
   * loopback they share the port mapper, which takes a port for one node's. It takes 127.0.0.1, too: these are the home's own.
   */
  erlang: { epmd: number; distribution: number };
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

/** Whether one was ever begun below that home: `clusterOf` makes its secrets, and decides its network for good. */
export const wasBegun = (home: string): boolean => existsSync(join(home, 'secrets.json'));

export const NEVER_STARTED = 'The cluster was never started: npm run cluster -- start starts it.';

/** The cluster below that home. Each home has addresses of its own, so that two checkouts, and a single stack, do not meet. */
export function clusterOf(home: string): Cluster {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const digest = createHash('sha256').update(realpathSync(home)).digest();
  const mark = digest.toString('hex').slice(0, 6);
  const isolated = isIsolated(home);
  const { host, addresses } = isolated ? ownNetworks(digest) : loopback(digest);
  const nodes = NAMES.map((name, i) => ({
    name,
    address: addresses[i]!,
    folder: join(home, name),
    namespace: isolated ? `crud-${mark}-${name}` : undefined,
  }));
  const epmd = 24_000 + (digest.readUInt16BE(4) % 2000) * 4; // behind the services' metrics, below what the system gives to connections
  return { home, mark, nodes, isolated, host, erlang: { epmd, distribution: epmd + 1 }, secrets: secretsOf(home) };
}

/** Decided once: what the servers have written holds their addresses. */
function isIsolated(home: string): boolean {
  const file = join(home, 'network');
  if (!existsSync(file)) writeFileSync(file, !wasBegun(home) && mayIsolate() ? 'own' : 'loopback');
  return readFileSync(file, 'utf8') === 'own';
}

interface Addresses {
  host: string;
  addresses: string[];
}

function loopback([second, third]: Buffer): Addresses {
  const network = `127.${(second! % 254) + 1}.${third!}`; // never 127.0.x.x, where others are
  return { host: '127.0.0.1', addresses: NAMES.map((_, i) => `${network}.${i + 1}`) };
}

/** Eight addresses of 198.18.0.0/15, which nobody has: it is for tests of networks (RFC 2544, appendix C.2.2). */
function ownNetworks([second, third, fourth]: Buffer): Addresses {
  const first = (fourth! >> 3) << 3;
  const at = (i: number) => `198.${18 + (second! & 1)}.${third!}.${first + i}`;
  return { host: at(6), addresses: NAMES.map((_, i) => at(i + 1)) };
}

function secretsOf(home: string): Secrets {
  const file = join(home, 'secrets.json');
  if (!existsSync(file)) {
    const [superuser, replication, rewind, cookie] = Array.from({ length: 4 }, () => randomBytes(24).toString('hex'));
    writeFileSync(file, JSON.stringify({ superuser, replication, rewind, cookie }), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Whether all servers were up once, when `start.ts` saves their environment. Before that no node has anything that another one would miss. */
export const wasFormed = ({ home }: Cluster): boolean => existsSync(join(home, 'environment.json'));

/** Where its PostgreSQL has its data. */
export const dataOf = ({ folder }: Pick<Node, 'folder'>): string => join(folder, 'postgres', 'data');

/** By its name, or by its number. */
export function nodeNamed(cluster: Cluster, name: string | undefined): Node {
  const found = cluster.nodes.find((node) => node.name === name || node.name === `node-${name}`);
  if (!found) throw new Failure(`Which node? One of ${NAMES.join(', ')}${name ? `: there is no "${name}"` : ''}.`);
  return found;
}
