import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { clusterEnvironment } from '../../run/cluster/environment.ts';
import { type Cluster, PORTS } from '../../run/cluster/layout.ts';
import { startCluster } from '../../run/cluster/start.ts';
import { leaderOf } from '../../run/cluster/state.ts';
import { isWhole } from '../../run/cluster/whole.ts';
import { waitFor } from '../../run/servers/process.ts';
import { sentenceOf } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Report, SILENT } from '../../run/terminal/report.ts';
import { createRandom } from '../random.ts';
import { type Clients, type Kind, startClients } from './clients.ts';
import { type Fault, kindsOf, type Limits, rollingRestart } from './cluster-faults.ts';

/** Milliseconds that a fault lasts, from the seed. The longer ones: longer than PostgreSQL needs for another primary. */
const LONG = [28_000, 33_000] as const;
const SHORT = [6_000, 12_000] as const;
/** Milliseconds after which a cluster that is not whole is told to be, as somebody would who looks after it. */
const WHOLE = 120_000;

export interface Strike {
  what: string;
  limits: Limits;
  /** Milliseconds. */
  longest: Record<Kind, number>;
  slowest: number;
  /** Answers other than a success, and how many there may be. */
  failed: number;
  mayFail: number;
  /** Milliseconds until the cluster was whole, once the fault had ended. */
  whole: number;
}

export interface ClusterProof {
  strikes: Strike[];
  /** Why it ended before the last fault. */
  broken?: string;
  confirmed: number;
  /** What the table has of them, or nothing where no PostgreSQL leads. */
  books: Books | undefined;
}

interface Books {
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

/** Strikes fault after fault while clients work, waits each time until the cluster is whole again, and balances the books. */
export async function proveCluster(cluster: Cluster, plan: Plan): Promise<ClusterProof> {
  const random = createRandom(plan.seed);
  const user = randomInt(1, 2_000_000_000); // not of the seed: the data of a run before may be there
  const clients = startClients(plan.port, user);
  const strikes: Strike[] = [];
  const kinds = kindsOf(cluster);
  let broken: string | undefined;
  try {
    await sleep(3000, undefined, { signal: plan.signal });
    for (let round: typeof kinds = []; strikes.length < plan.faults; ) {
      if (round.length === 0) round = random.shuffle(kinds); // each kind as often as each other
      const leader = await leaderOf(cluster);
      // Half of them hit the primary: that is where most can go wrong.
      const node = leader && random.fraction() < 0.5 ? leader : random.pick(cluster.nodes);
      const others = cluster.nodes.filter((one) => one !== node);
      const fault = round.pop()!(cluster, node, others, random);
      const [shortest, longest] = fault.isLong && node === leader ? LONG : SHORT;
      const away = random.between(shortest, longest);
      strikes.push(await strike(cluster, clients, plan, { fault, away, isPrimary: node === leader }));
    }
    strikes.push(await strike(cluster, clients, plan, { fault: rollingRestart(cluster, plan.port), away: 0, isPrimary: false }));
  } catch (reason) {
    // What was confirmed until now is counted all the same.
    broken = plan.signal.aborted ? 'It was interrupted' : sentenceOf(reason as Error);
    await startCluster(cluster, clusterEnvironment(cluster.home), plan.port, SILENT).catch(() => {});
  } finally {
    await clients.stop();
  }
  return { strikes, broken, confirmed: clients.confirmed.size, books: await balance(cluster, clients, user) };
}

async function strike(
  cluster: Cluster,
  clients: Clients,
  { report, port, signal }: Plan,
  { fault, away, isPrimary }: { fault: Fault; away: number; isPrimary: boolean },
): Promise<Strike> {
  const began = Date.now();
  const what = `${fault.what}${isPrimary ? ', the primary' : ''}`;
  return await report.step(what, async (detail) => {
    try {
      await fault.hit();
      await sleep(away, undefined, { signal });
    } finally {
      await fault.undo?.();
    }
    const healed = Date.now();
    await makeWhole(cluster, port, what);
    const ended = Date.now();
    const answers = Object.entries(clients.accounts).flatMap(([kind, account]) =>
      account.between(began, ended).map((answer) => ({ ...answer, kind })),
    );
    const longest = Object.fromEntries(
      Object.entries(clients.accounts).map(([name, account]) => [name, account.longestWithout(began, ended)]),
    ) as Record<Kind, number>;
    const none = { took: 0, kind: 'none', status: 0 };
    const slow = answers.reduce<typeof none>((slowest, answer) => (answer.took > slowest.took ? answer : slowest), none);
    const slowest = Math.round(slow.took);
    const failures = answers.filter(({ status }) => status < 200 || status >= 300);
    const failed = failures.length;
    const kinds = Object.entries(
      Object.groupBy(failures, ({ kind, status, reason }) => `${kind} ${status || 'broken off'} ${reason}`.trim()),
    );
    const which = kinds.map(([what, these]) => `, ${these?.length} ${what}`).join('');
    const whole = ended - healed;
    detail(
      `without orders ${longest.order} ms, films ${longest['film read']} ms, new films ${longest['film write']} ms, slowest answer ${slowest} ms (${slow.kind} ${slow.status}), ${failed} of ${answers.length} failed${which}, whole in ${whole} ms`,
    );
    return { what, limits: fault.limits, longest, slowest, failed, mayFail: fault.mayFail ?? Infinity, whole };
  });
}

/** Starts what does not run. Once more where that did not help: the limit of `whole` tells. */
async function makeWhole(cluster: Cluster, port: number, what: string): Promise<void> {
  let reason: unknown;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await startCluster(cluster, clusterEnvironment(cluster.home), port, SILENT);
      if (await waitFor(WHOLE, () => isWhole(cluster))) return;
      reason = undefined;
    } catch (error) {
      reason = error;
    }
  }
  throw reason ?? new Failure(`The cluster is not whole ${(2 * WHOLE) / 1000} seconds after ${what}: npm run cluster -- status`);
}

/** What the table has of the confirmed orders, when no order waits any more. */
async function balance(cluster: Cluster, { confirmed }: Clients, user: number): Promise<Books | undefined> {
  let books: Books | undefined;
  await waitFor(WHOLE, async () => {
    const stored = await storedOrders(cluster, user).catch(() => undefined);
    if (!stored) return false;
    const lost = [...confirmed].filter((number) => !stored.has(number));
    const doubled = [...stored].filter(([, count]) => count > 1).map(([number]) => number);
    books = { lost, doubled };
    return lost.length === 0;
  });
  return books;
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
