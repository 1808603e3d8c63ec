import { connect } from 'node:net';
import { Agent, fetch, type RequestInit } from 'undici';
import { type Role, readPatroni, type Told, withoutLog } from '../../../api-gateway/app/live/patroni.ts';
import { brokerRedundancy, databaseRedundancy } from '../../../api-gateway/page/words.js';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { hasNetwork } from './network.ts';
import { portWritten } from './node-files.ts';
import { frozenProgramsOf } from './processes.ts';

/** Milliseconds that a part has to answer. */
const PATIENCE = 1000;

/** Without it, who is told to give up goes on connecting to a node that stands still for ten seconds, and no program ends before that. */
const dispatcher = new Agent({ connect: { timeout: PATIENCE } });

export interface NodeState {
  etcd: boolean;
  /** Undefined while it is down. */
  postgres: (Told & { role: Role }) | undefined;
  rabbitmq: boolean;
  haproxy: boolean;
  /** Whether each service does its work: what its `/readyz` says. The gateway's work is films. */
  gateway: boolean;
  /** Whether the gateway lives, which is enough for orders: what its `/livez` says. */
  takesOrders: boolean;
  inventory: boolean;
  billing: boolean;
}

const DOWN: NodeState = {
  etcd: false,
  postgres: undefined,
  rabbitmq: false,
  haproxy: false,
  gateway: false,
  takesOrders: false,
  inventory: false,
  billing: false,
};

export async function stateOf(node: Node): Promise<NodeState> {
  if (!hasNetwork(node)) return DOWN;
  const { address } = node;
  const frozen = frozenProgramsOf(node);
  const [etcd, postgres, rabbitmq, haproxy, gateway, takesOrders, inventory, billing] = await Promise.all([
    answers(`http://${address}:${PORTS.etcd}/health`),
    postgresAt(node),
    !frozen.includes('beam.smp') && accepts(address, PORTS.rabbitmq),
    !frozen.includes('haproxy') && accepts(address, PORTS.primary),
    answers(`http://${address}:${PORTS.gateway}/readyz`),
    answers(`http://${address}:${PORTS.gateway}/livez`),
    answers(`http://${address}:${PORTS.inventory}/readyz`),
    answers(`http://${address}:${PORTS.billing}/readyz`),
  ]);
  return { etcd, postgres, rabbitmq, haproxy, gateway, takesOrders, inventory, billing };
}

/** What no node tells. */
interface Beside {
  /** Whether the clients' address answers. */
  clients?: boolean;
  /** What broker has too little of what: then no broker takes orders. */
  alarms?: string[];
  /** How many copies of the queue of orders work, where not all do; null where no broker says. */
  copies?: number | null | undefined;
  /** What is sent from where to where and gets lost. */
  cuts?: string[];
}

/** What is left, in sentences: what works, and what one more failure would mean. The live page has the same ones. */
export function redundancy(
  states: NodeState[],
  { clients = true, alarms = [], copies, cuts = [] }: Beside = {},
): { sentences: string[]; isWhole: boolean } {
  const count = (of: (state: NodeState) => unknown) => states.filter(of).length;
  const doubt = cuts.length > 0 ? 'A cable is cut, so one more failure may stop that.' : undefined;
  const brokers = count(({ rabbitmq }) => rabbitmq);
  const apart = withoutLog(states.map(({ postgres }) => postgres));
  const orders = brokerRedundancy(brokers, states.length, { gateways: count((one) => one.takesOrders), copies, doubt });
  const databases = databaseRedundancy(
    states.map(({ postgres }, i) => (apart[i] ? undefined : postgres?.role)),
    { etcd: count(({ etcd }) => etcd), films: count(({ gateway }) => gateway), billing: count(({ billing }) => billing), doubt },
  );
  const said = orders.works && alarms.length > 0 ? [databases] : [orders, databases];
  const sentences = said.filter(({ isWhole }) => clients || !isWhole).map(({ text }) => text);
  if (alarms.length > 0) sentences.unshift(`Orders are refused until there is more ${alarms.join(' and ')}.`);
  if (!clients)
    sentences.unshift('Clients reach nothing: their address does not answer. npm run cluster -- heal brings it back.');
  const isUp = (state: NodeState) => Object.values(state).every(Boolean);
  const isWhole = clients && alarms.length === 0 && states.every(isUp) && orders.isWhole && databases.isWhole;
  return { sentences, isWhole };
}

/** Whether the HAProxy at the clients' address says anything, if only that it reaches no gateway. */
export async function clientsAnswered({ home }: Cluster): Promise<boolean> {
  const port = portWritten(home);
  return port !== undefined && (await statusAt(`http://127.0.0.1:${port}/livez`)) !== undefined;
}

/** The node whose PostgreSQL takes writes. */
export const leaderOf = ({ nodes }: Cluster): Promise<Node | undefined> => nodeThatIs('primary', nodes);

/** The first one of them whose PostgreSQL has that role. */
export async function nodeThatIs(role: Role, nodes: Node[]): Promise<Node | undefined> {
  const found = await Promise.all(nodes.map((node) => (hasNetwork(node) ? postgresAt(node) : undefined)));
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
async function postgresAt({ name, address }: Node): Promise<NodeState['postgres']> {
  try {
    const told = readPatroni(await askPatroni(address, '/patroni'), name);
    return told.role && { ...told, role: told.role };
  } catch {
    return undefined;
  }
}

const answers = async (url: string) => (await statusAt(url)) === 200;

/** Of the answer, or undefined where none comes. */
async function statusAt(url: string): Promise<number | undefined> {
  try {
    const answer = await fetch(url, { dispatcher, signal: AbortSignal.timeout(PATIENCE) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return undefined;
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
