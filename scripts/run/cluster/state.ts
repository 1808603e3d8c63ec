import { connect } from 'node:net';
import { type Cluster, type Node, PORTS } from './layout.ts';

/** Milliseconds that a part has to answer. */
const PATIENCE = 1000;

export interface NodeState {
  etcd: boolean;
  /** Of PostgreSQL: primary or standby, and whether the primary waits for it. */
  postgres: 'primary' | 'synchronous standby' | 'standby' | undefined;
  rabbitmq: boolean;
  haproxy: boolean;
  /** Whether each service does its work: what its `/readyz` says. */
  gateway: boolean;
  inventory: boolean;
  billing: boolean;
}

export async function stateOf({ address }: Node): Promise<NodeState> {
  const [etcd, postgres, rabbitmq, haproxy, gateway, inventory, billing] = await Promise.all([
    answers(`http://${address}:${PORTS.etcd}/health`),
    roleAt(address),
    accepts(address, PORTS.rabbitmq),
    accepts(address, PORTS.primary),
    answers(`http://${address}:${PORTS.gateway}/readyz`),
    answers(`http://${address}:${PORTS.inventory}/readyz`),
    answers(`http://${address}:${PORTS.billing}/readyz`),
  ]);
  return { etcd, postgres, rabbitmq, haproxy, gateway, inventory, billing };
}

/** What is left, in sentences: what works, and what one more failure would mean. */
export function redundancy(states: NodeState[]): { sentences: string[]; isWhole: boolean } {
  const count = (of: (state: NodeState) => unknown) => states.filter(of).length;
  const primary = count(({ postgres }) => postgres === 'primary');
  const [databases, brokers, etcd, gateways] = [
    count(({ postgres }) => postgres),
    count(({ rabbitmq }) => rabbitmq),
    count(({ etcd }) => etcd),
    count(({ gateway }) => gateway),
  ];
  const most = states.length;
  const majority = Math.floor(most / 2) + 1;
  const sentences = [
    brokers < majority
      ? `Orders are refused: ${brokers} of ${most} brokers are up, and ${majority} are needed.`
      : brokers === majority
        ? `Orders are taken. One more broker down stops them: ${brokers} of ${most} are up.`
        : 'Orders are taken, and still are when any one node fails.',
    primary === 0
      ? `Nothing is written to the databases: there is no primary${etcd < majority ? `, and ${etcd} of ${most} etcd are up, where ${majority} are needed to choose one` : ''}. Orders wait in the queue.`
      : databases < majority
        ? 'Nothing is written to the databases: the primary has no standby, and would be the only one to have it. Orders wait in the queue.'
        : databases === majority
          ? `Films and orders are stored. One more PostgreSQL down stops that: ${databases} of ${most} are up.`
          : 'Films and orders are stored, and still are when any one node fails.',
  ];
  if (gateways === 0) sentences.push('No gateway serves requests.');
  const isWhole =
    states.every((state) => Object.values(state).every(Boolean)) &&
    primary === 1 &&
    states.some(({ postgres }) => postgres === 'synchronous standby');
  return { sentences, isWhole };
}

/** The node whose PostgreSQL takes writes. */
export async function leaderOf(cluster: Cluster): Promise<Node | undefined> {
  const roles = await Promise.all(cluster.nodes.map(({ address }) => roleAt(address)));
  return cluster.nodes[roles.indexOf('primary')];
}

/** What Patroni says of its PostgreSQL: https://patroni.readthedocs.io/en/latest/rest_api.html#monitoring-endpoint */
async function roleAt(address: string): Promise<NodeState['postgres']> {
  try {
    const answer = await fetch(`http://${address}:${PORTS.patroni}/patroni`, { signal: AbortSignal.timeout(PATIENCE) });
    const { state, role, sync_standby } = (await answer.json()) as { state: string; role: string; sync_standby?: boolean };
    if (state !== 'running') return undefined;
    if (role === 'master' || role === 'primary') return 'primary';
    return sync_standby ? 'synchronous standby' : 'standby';
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket
      .on('connect', () => end(true))
      .on('timeout', () => end(false))
      .on('error', () => end(false));
  });
}
