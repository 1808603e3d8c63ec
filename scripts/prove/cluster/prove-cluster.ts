import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { clusterEnvironment } from '../../run/cluster/environment.ts';
import { clusterOf } from '../../run/cluster/layout.ts';
import { startCluster } from '../../run/cluster/start.ts';
import { stopCluster } from '../../run/cluster/stop.ts';
import { anyFreePort } from '../../run/servers/ports.ts';
import { createReport } from '../../run/terminal/report.ts';
import { type ClusterProof, proveCluster } from './cluster-proof.ts';
import { copyDisks, giveDisks } from './disks.ts';
import { loseAll } from './loss-of-all.ts';

/** Milliseconds that an answer may take. */
const ANSWER = 2000;
/** Milliseconds within which a node that has returned has to be worth as much as the others. */
const WHOLE = 60_000;

/** Gives the status to end with. What a cluster that broke its promise wrote stays for whoever looks into it. */
export async function proveOnCluster(home: string, seed: string, faults: number): Promise<number> {
  const report = createReport();
  const cluster = clusterOf(home);
  const port = await anyFreePort();
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());
  console.log(
    `Proof with seed ${seed}: ${faults} faults of nodes, cables, disks and processes, and a restart of everything; then a backup is restored after all nodes were deleted.`,
  );
  let wrong: string[] | undefined;
  try {
    if (!(await giveDisks(cluster)))
      report.note('No disk is filled or slowed down: that takes root, loop devices and mkfs.ext4, and a new cluster');
    await startCluster(cluster, clusterEnvironment(home), port, report);
    const proof = await proveCluster(cluster, { seed, faults, port, report, signal: interruption.signal });
    // What an order was lost by, or a request failed, is in these nodes' logs.
    const { confirmed, books, strikes, broken } = proof;
    const allStored = books?.lost.length === 0 && books.doubled.length === 0;
    const mayGo = !broken && allStored && strikes.every(({ failed, mayFail }) => failed <= mayFail);
    const changed = mayGo ? await loseAll(home, port, report) : [];
    wrong = faultsOf(proof);
    if (changed.length > 0) wrong.push(`A restored backup is not what it was: ${changed.join(', ')}`);
    const counted = books ? `${books.lost.length} lost, ${books.doubled.length} stored twice` : 'not counted';
    console.log(`\n${confirmed} orders were answered 200: ${counted}.`);
    for (const sentence of wrong) console.log(`✗ ${sentence}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await stopCluster(clusterOf(home), report);
    if (wrong?.length === 0) rmSync(home, { recursive: true, force: true });
    else {
      await copyDisks(cluster.nodes);
      console.log(`What the nodes said is in ${join(home, 'node-*/pm2/logs')}.`);
    }
  }
}

/** What did not hold, in sentences. */
function faultsOf({ strikes, broken, books }: ClusterProof): string[] {
  const wrong = broken ? [`${broken}, after ${strikes.length} faults`] : [];
  if (!books) wrong.push('No PostgreSQL leads: the orders could not be counted');
  else if (books.lost.length > 0) wrong.push(`Orders that were answered 200 and are not stored: ${books.lost.slice(0, 20)}`);
  if (books && books.doubled.length > 0) wrong.push(`Orders that are stored twice: ${books.doubled.slice(0, 20)}`);
  for (const { what, limits, longest, slowest, failed, mayFail, whole } of strikes) {
    for (const kind of ['order', 'film read', 'film write'] as const) {
      if (longest[kind] > limits[kind])
        wrong.push(`${what}: no ${kind} for ${longest[kind]} ms, at most ${limits[kind]} was promised`);
    }
    if (failed > mayFail) wrong.push(`${what}: ${failed} requests failed, at most ${mayFail} may`);
    if (whole > WHOLE) wrong.push(`${what}: whole after ${whole} ms, at most ${WHOLE} was promised`);
    if (slowest > ANSWER) wrong.push(`${what}: an answer took ${slowest} ms, at most ${ANSWER} was promised`);
  }
  return wrong;
}
