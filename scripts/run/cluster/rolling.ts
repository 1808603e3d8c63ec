import { waitFor } from '../servers/process.ts';
import type { Environment } from '../stack/environment.ts';
import { Failure } from '../terminal/failure.mjs';
import { type Report, SILENT } from '../terminal/report.ts';
import type { Cluster, Node } from './layout.ts';
import { startCluster } from './start.ts';
import { leaderOf } from './state.ts';
import { ORDER, stopPrograms } from './stop.ts';
import { isWhole } from './whole.ts';

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
        await handOver(cluster, node);
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
 * A Patroni that stops gives its lease back, and a standby takes it. Films wait a second less than for a switchover, in which the third
 * PostgreSQL looks for the new primary after two seconds only (process_unhealthy_cluster of Patroni's ha.py).
 */
async function handOver(cluster: Cluster, node: Node): Promise<void> {
  await stopPrograms([node], ['patroni'], SILENT);
  if (await waitFor(LIMIT, async () => (await leaderOf(cluster)) !== undefined)) return;
  throw new Failure(
    `No other PostgreSQL took the place of that of ${node.name}: npm run cluster -- status says what is missing, and npm run cluster -- start brings this node back.`,
  );
}

async function requireWhole(cluster: Cluster, next?: Node): Promise<void> {
  if (await waitFor(LIMIT, () => isWhole(cluster))) return;
  const rest = next ? ` ${next.name}, and what follows it, was not restarted.` : '';
  throw new Failure(`Something is missing: npm run cluster -- status says what.${rest}`);
}
