import { connect } from 'node:net';
import { Agent, fetch, type RequestInit } from 'undici';
import { type Role, readPatroni } from '../../../api-gateway/app/live/patroni.ts';
import { brokerRedundancy, databaseRedundancy } from '../../../api-gateway/page/words.js';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { hasNetwork } from './network.ts';
import { frozenProgramsOf } from './processes.ts';

/** Milliseconds that a part has to answer. */
const PATIENCE = 1000;

/** Without it, who is told to give up goes on connecting to a node that stands still for ten seconds, and no program ends before that. */
const dispatcher = new Agent({ connect: { timeout: PATIENCE } });

export interface NodeState {
  etcd: boolean;
  /** Undefined while it is down. */
  postgres: { role: Role; position: number | undefined } | undefined;
  rabbitmq: boolean;
  haproxy: boolean;
  /** Whether each service does its work: what its `/readyz` says. */
  gateway: boolean;
  inventory: boolean;
  billing: boolean;
}

const DOWN: NodeState = {
  etcd: false,
  postgres: undefined,
  rabbitmq: false,
  haproxy: false,
  gateway: false,
  inventory: false,
  billing: false,
};

export async function stateOf(node: Node): Promise<NodeState> {
  if (!hasNetwork(node)) return DOWN;
  const { address } = node;
  const frozen = frozenProgramsOf(node);
  const [etcd, postgres, rabbitmq, haproxy, gateway, inventory, billing] = await Promise.all([
    answers(`http://${address}:${PORTS.etcd}/health`),
    postgresAt(address),
    !frozen.includes('beam.smp') && accepts(address, PORTS.rabbitmq),
    !frozen.includes('haproxy') && accepts(address, PORTS.primary),
    answers(`http://${address}:${PORTS.gateway}/readyz`),
    answers(`http://${address}:${PORTS.inventory}/readyz`),
    answers(`http://${address}:${PORTS.billing}/readyz`),
  ]);
  return { etcd, postgres, rabbitmq, haproxy, gateway, inventory, billing };
}

/** What is left, in sentences: what works, and what one more failure would mean. The live page has the same ones. */
export function redundancy(states: NodeState[]): { sentences: string[]; isWhole: boolean } {
  const most = states.length;
  const majority = Math.floor(most / 2) + 1;
  const count = (of: (state: NodeState) => unknown) => states.filter(of).length;
  const etcd = count(({ etcd }) => etcd);
  const whyNoPrimary = etcd < majority ? `, and ${etcd} of ${most} etcd are up, where ${majority} are needed to choose one` : '';
  const roles = states.map(({ postgres }) => postgres?.role);
  const parts = [
    brokerRedundancy(
      count(({ rabbitmq }) => rabbitmq),
      most,
    ),
    databaseRedundancy(roles, whyNoPrimary),
  ];
  const sentences = parts.map(({ text }) => text);
  if (count(({ gateway }) => gateway) === 0) sentences.push('No gateway serves requests.');
  const isUp = (state: NodeState) => Object.values(state).every(Boolean);
  return { sentences, isWhole: states.every(isUp) && parts.every(({ isWhole }) => isWhole) };
}

/** The node whose PostgreSQL takes writes. */
export const leaderOf = ({ nodes }: Cluster): Promise<Node | undefined> => nodeThatIs('primary', nodes);

/** The first one of them whose PostgreSQL has that role. */
export async function nodeThatIs(role: Role, nodes: Node[]): Promise<Node | undefined> {
  const found = await Promise.all(nodes.map((node) => (hasNetwork(node) ? postgresAt(node.address) : undefined)));
  return nodes[found.findIndex((one) => one?.role === role)];
}

/** Lets each Patroni look who leads, before its second is over: as after a change of its settings. This one removes what is not there. */
export async function lookAgain(nodes: Node[]): Promise<void> {
  const body = JSON.stringify({ nothing: null });
  await Promise.allSettled(nodes.map(({ address }) => askPatroni(address, '/config', { method: 'PATCH', body })));
}

/** https://patroni.readthedocs.io/en/latest/rest_api.html */
async function askPatroni(address: string, path: string, request?: RequestInit): Promise<string> {
  const answer = await fetch(`http://${address}:${PORTS.patroni}${path}`, {
    ...request,
    dispatcher,
    signal: AbortSignal.timeout(PATIENCE),
  });
  return answer.text();
}

/** What its Patroni says, while it runs. */
async function postgresAt(address: string): Promise<NodeState['postgres']> {
  try {
    const { role, position } = readPatroni(await askPatroni(address, '/patroni'));
    return role && { role, position };
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { dispatcher, signal: AbortSignal.timeout(PATIENCE) });
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
