import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appPids } from '../servers/pm2/apps.ts';
import { waitFor } from '../servers/process.ts';
import type { Environment } from '../stack/environment.ts';
import { Failure } from '../terminal/failure.mjs';
import { type Report, SILENT } from '../terminal/report.ts';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { signal } from './processes.ts';
import { startCluster } from './start.ts';
import { followerOf, isLeaderless, leaderOf, lookAgain } from './state.ts';
import { ORDER, stopPrograms } from './stop.ts';
import { findTools } from './tools.ts';
import { isWhole } from './whole.ts';

const run = promisify(execFile);

/** Milliseconds until all is whole again, on a busy computer. */
const LIMIT = 120_000;

/** Restarts everything, one node after the other: the next one when nothing is missing. The gateway goes first, drained, and comes last. */
export async function restartNodes(cluster: Cluster, environment: Environment, port: number, report: Report): Promise<void> {
  for (const node of cluster.nodes) {
    await report.step(node.name, async (detail) => {
      detail('waits for the others');
      await requireWhole(cluster, node);
      const [gateway, ...others] = ORDER;
      await stopPrograms([node], [gateway], SILENT);
      if ((await leaderOf(cluster)) === node) {
        detail('hands over the primary');
        await handOver(cluster, node, environment);
      }
      detail('stops');
      await stopPrograms([node], others, SILENT);
      detail('starts');
      await startCluster(cluster, environment, port, SILENT);
    });
  }
  await report.step('All nodes', () => requireWhole(cluster));
}

/**
 * A Patroni that is told to stop gives its lease back, and a standby takes it. Films wait a second less than for a switchover, in which
 * the third PostgreSQL looks for the new primary after two seconds only (process_unhealthy_cluster of Patroni's ha.py). PM2 starts it
 * again, and the former primary follows.
 */
async function handOver(cluster: Cluster, node: Node, environment: Environment): Promise<void> {
  const others = cluster.nodes.filter((other) => other !== node);
  const observer = (await followerOf(others)) ?? others[0]!;
  const patroni = appPids(node.folder, 'patroni');
  const isLed = async () => (await leaderOf({ ...cluster, nodes: others })) !== undefined;
  await stopPrimary(cluster, node, environment);
  signal(patroni, 'SIGTERM');
  await waitFor(LIMIT, async () => (await isLeaderless(observer)) || (await isLed()), 25);
  // It has given its lease back, and ends when its PostgreSQL is collected, by whoever does that here. Meanwhile its API takes
  // connections and no questions, and the one that is to lead asks it first.
  signal(patroni, 'SIGKILL');
  await lookAgain(others);
  if (!(await waitFor(LIMIT, isLed, 25))) {
    throw new Failure(
      `No other PostgreSQL took the place of that of ${node.name}: npm run cluster -- status says what is missing, and npm run cluster -- start brings this node back.`,
    );
  }
  await lookAgain(others);
}

async function stopPrimary({ secrets }: Cluster, { folder, address }: Node, { MOVIES_DB_NAME }: Environment): Promise<void> {
  const tools = await findTools(() => {});
  await run(join(import.meta.dirname, 'hand-over.sh'), [join(folder, 'postgres', 'data')], {
    env: {
      PATH: `${tools.postgres}:${process.env.PATH}`,
      LD_LIBRARY_PATH: tools.environment.LD_LIBRARY_PATH,
      PGHOST: address,
      PGPORT: String(PORTS.postgres),
      PGUSER: 'postgres',
      PGPASSWORD: secrets.superuser,
      PGDATABASE: MOVIES_DB_NAME,
    },
  });
}

async function requireWhole(cluster: Cluster, next?: Node): Promise<void> {
  if (await waitFor(LIMIT, () => isWhole(cluster))) return;
  const rest = next ? ` ${next.name}, and what follows it, was not restarted.` : '';
  throw new Failure(`Something is missing: npm run cluster -- status says what.${rest}`);
}
