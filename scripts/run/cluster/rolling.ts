import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { appPids } from '../servers/pm2/apps.ts';
import { waitFor } from '../servers/process.ts';
import type { Environment } from '../stack/environment.ts';
import { Failure } from '../terminal/failure.mjs';
import { type Report, SILENT } from '../terminal/report.ts';
import { giveLeaseBack } from './etcd.ts';
import { type Cluster, dataOf, type Node } from './layout.ts';
import { signal } from './processes.ts';
import { startCluster, superuserAt } from './start.ts';
import { leaderOf, lookAgain, nodeThatIs } from './state.ts';
import { ORDER, stopPrograms } from './stop.ts';
import { findTools, type Tools } from './tools.ts';
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
 * Stops PostgreSQL, then Patroni, gives its lease back, and has the others look. Not by a switchover, in which the third PostgreSQL looks
 * for the new primary after two seconds only (process_unhealthy_cluster of Patroni's ha.py); nor by Patroni's own end, which asks its
 * PostgreSQL once more, for up to a second. PM2 starts it again, and the former primary follows.
 */
async function handOver(cluster: Cluster, node: Node, environment: Environment): Promise<void> {
  const others = cluster.nodes.filter((other) => other !== node);
  const tools = await findTools(() => {});
  const patroni = appPids(node.folder, 'patroni');
  if (!(await stopPrimary(tools, cluster, node, environment))) return; // then Patroni does it, more slowly
  signal(patroni, 'SIGKILL');
  await giveLeaseBack(tools, node, others[0]!);
  await lookAgain(others);
  if (!(await waitFor(LIMIT, () => nodeThatIs('primary', others), 25))) {
    throw new Failure(
      `No other PostgreSQL took the place of that of ${node.name}: npm run cluster -- status says what is missing, and npm run cluster -- start brings this node back.`,
    );
  }
  await lookAgain(others);
}

/** Gives whether it has ended. */
async function stopPrimary(tools: Tools, cluster: Cluster, node: Node, { MOVIES_DB_NAME }: Environment): Promise<boolean> {
  const { host, port, superuser, password } = superuserAt(cluster, node);
  const { stdout } = await run(join(import.meta.dirname, 'hand-over.sh'), [dataOf(node)], {
    timeout: LIMIT,
    env: {
      PATH: `${tools.postgres}:${process.env.PATH}`,
      LD_LIBRARY_PATH: tools.environment.LD_LIBRARY_PATH,
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: superuser,
      PGPASSWORD: password,
      PGDATABASE: MOVIES_DB_NAME,
    },
  });
  return stdout.trim() === 'stopped';
}

async function requireWhole(cluster: Cluster, next?: Node): Promise<void> {
  if (await waitFor(LIMIT, () => isWhole(cluster))) return;
  const rest = next ? ` ${next.name}, and what follows it, was not restarted.` : '';
  throw new Failure(`Something is missing: npm run cluster -- status says what.${rest}`);
}
