import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { clusterEnvironment } from '../../run/cluster/environment.ts';
import { type Cluster, type Node, PORTS } from '../../run/cluster/layout.ts';
import { freezeNode, killNode } from '../../run/cluster/processes.ts';
import { startCluster } from '../../run/cluster/start.ts';
import { leaderOf, redundancy, stateOf } from '../../run/cluster/state.ts';
import { waitFor } from '../../run/servers/process.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Report } from '../../run/terminal/report.ts';
import { createRandom } from '../random.ts';
import { type Clients, type Kind, startClients } from './clients.ts';

/** Milliseconds that a node is away, from the seed. Longer than PostgreSQL needs for another primary. */
const AWAY = [28_000, 34_000] as const;
/** Milliseconds within which the cluster has to be whole again. */
const WHOLE = 60_000;

export interface Strike {
  what: string;
  wasPrimary: boolean;
  /** Milliseconds. */
  longest: Record<Kind, number>;
  slowest: number;
  whole: number;
}

export interface ClusterProof {
  strikes: Strike[];
  confirmed: number;
  /** Of the confirmed ones. */
  lost: number[];
  doubled: number[];
}

interface Plan {
  seed: string;
  faults: number;
  port: number;
  report: Report;
  signal: AbortSignal;
}

/** Strikes node after node while clients work, waits each time until the cluster is whole again, and balances the books. */
export async function proveCluster(cluster: Cluster, plan: Plan): Promise<ClusterProof> {
  const random = createRandom(plan.seed);
  const user = random.between(1, 2_000_000_000);
  const clients = startClients(plan.port, user);
  const strikes: Strike[] = [];
  try {
    await sleep(3000, undefined, { signal: plan.signal });
    for (let i = 0; i < plan.faults; i++) {
      const leader = await leaderOf(cluster);
      // Every other one hits the primary: that is where most can go wrong.
      const node = i % 2 === 0 && leader ? leader : random.pick(cluster.nodes);
      strikes.push(
        await strike(cluster, clients, plan, {
          node,
          kind: random.pick(['kill', 'freeze'] as const),
          away: random.between(...AWAY),
        }),
      );
    }
  } finally {
    await clients.stop();
  }
  return { strikes, confirmed: clients.confirmed.size, ...(await balance(cluster, clients, user)) };
}

async function strike(
  cluster: Cluster,
  clients: Clients,
  { report, port, signal }: Plan,
  { node, kind, away }: { node: Node; kind: 'kill' | 'freeze'; away: number },
): Promise<Strike> {
  const wasPrimary = (await leaderOf(cluster)) === node;
  const began = Date.now();
  const what = `${kind} ${node.name}${wasPrimary ? ', the primary' : ''}`;
  return await report.step(what, async (detail) => {
    if (kind === 'kill') await killNode(node);
    else freezeNode(node);
    await sleep(away, undefined, { signal });
    const healed = Date.now();
    await startCluster(cluster, clusterEnvironment(cluster.home), port, SILENT);
    const isWhole = async () => redundancy(await Promise.all(cluster.nodes.map(stateOf))).isWhole;
    if (!(await waitFor(WHOLE, isWhole)))
      throw new Failure(`The cluster is not whole ${WHOLE / 1000} seconds after ${what}: npm run cluster -- status`);
    const ended = Date.now();
    const answers = Object.values(clients.accounts).flatMap((account) => account.between(began, ended));
    const longest = Object.fromEntries(
      Object.entries(clients.accounts).map(([name, account]) => [name, account.longestWithout(began, ended)]),
    ) as Record<Kind, number>;
    detail(
      `without orders ${longest.order} ms, films ${longest['film read']} ms, new films ${(longest['film write'] / 1000).toFixed(1)} s`,
    );
    return { what, wasPrimary, longest, slowest: Math.max(...answers.map(({ took }) => took)), whole: ended - healed };
  });
}

const SILENT: Report = { step: (_name, work) => work(() => {}), note: () => {} };

/** What the table has of the confirmed orders, when no order waits any more. */
async function balance(cluster: Cluster, { confirmed }: Clients, user: number): Promise<Pick<ClusterProof, 'lost' | 'doubled'>> {
  let lost: number[] = [];
  let doubled: number[] = [];
  await waitFor(WHOLE, async () => {
    const stored = await storedOrders(cluster, user).catch(() => new Map<number, number>());
    lost = [...confirmed].filter((number) => !stored.has(number));
    doubled = [...stored].filter(([, count]) => count > 1).map(([number]) => number);
    return lost.length === 0;
  });
  return { lost, doubled };
}

/** How often each order of that user is in the table. */
async function storedOrders(cluster: Cluster, user: number): Promise<Map<number, number>> {
  const leader = await leaderOf(cluster);
  const { ORDERS_DB_NAME, ORDERS_DB_USER, ORDERS_DB_PASSWORD } = clusterEnvironment(cluster.home);
  const client = new pg.Client({
    host: leader?.address,
    port: PORTS.postgres,
    database: ORDERS_DB_NAME,
    user: ORDERS_DB_USER,
    password: ORDERS_DB_PASSWORD,
    connectionTimeoutMillis: 2000,
    query_timeout: 20_000,
  });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  try {
    const { rows } = await client.query<{ number: number; count: number }>(
      'SELECT number_of_items AS number, count(*)::int FROM orders WHERE user_id = $1 GROUP BY 1',
      [user],
    );
    return new Map(rows.map(({ number, count }) => [number, count]));
  } finally {
    await client.end();
  }
}
