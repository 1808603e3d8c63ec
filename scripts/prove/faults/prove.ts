/**
 * Drives a stack of its own through faults and balances the books: every order that was answered 200 is stored exactly once.
 *
 *     npm run prove -- [--seed WORD] [--orders 10000] [--faults 200]
 *     npm run prove -- --cluster [--seed WORD] [--faults 4]
 *
 * `--cluster`: on three nodes of their own (docs/cluster.md), on which one fault after the other strikes, half a minute each; then all are
 * deleted, and a backup restored.
 * The seed decides the orders, and which faults strike, in which order and how long. It is printed; the moment at which
 * two processes meet is the machine's.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../../run/checkout.mjs';
import { clusterOf } from '../../run/cluster/layout.ts';
import { withLock } from '../../run/servers/lock.mjs';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createProgress } from '../../run/terminal/progress.ts';
import { takeDisks } from '../cluster/disks.ts';
import { proveOnCluster } from '../cluster/prove-cluster.ts';
import { prove } from './proof.ts';
import { report } from './report.ts';
import { startStack } from './stack.ts';

const home = join(checkout, '.local', 'prove');
const clusterHome = join(home, 'cluster');
const LOGS = join('.local', 'prove', 'pm2', 'logs');

async function main({ seed, orders, faults, cluster }: ReturnType<typeof readArguments>): Promise<number> {
  if (cluster) return proveOnCluster(clusterHome, seed, faults);
  // Its disks, where it was killed: nothing that is mounted can be deleted.
  if (existsSync(clusterHome)) await takeDisks(clusterOf(clusterHome).nodes);
  const started = performance.now();
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => interruption.abort());

  console.log(`Proof with seed ${seed}: ${orders} orders, ${faults} faults.`);
  const stack = await startStack(home, (what) => console.log(`${what} …`));
  let promised = false;
  try {
    const proof = await prove(stack, {
      seed,
      orders,
      faults,
      signal: interruption.signal,
      onProgress: createProgress('Faults', faults, process.stdout),
    });
    console.log(`\n${report(proof)}`);
    console.log(`\nSeed ${seed}, ${Math.round((performance.now() - started) / 1000)} s.`);
    promised = proof.wrong.length === 0;
    if (!promised) console.log(`The same faults again: npm run prove -- --seed ${seed} --orders ${orders} --faults ${faults}`);
    return promised ? 0 : 1;
  } finally {
    await stack.end();
    if (promised || interruption.signal.aborted) rmSync(home, { recursive: true, force: true });
    else console.log(`What the services said is in ${LOGS} until the next proof.`);
  }
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      orders: { type: 'string', default: '10000' },
      faults: { type: 'string' },
      cluster: { type: 'boolean', default: false },
    },
  });
  if (!/^[\w-]{1,64}$/.test(values.seed)) throw new Failure('--seed takes 1 to 64 letters, digits, "-" and "_".');
  const count = (name: string, text: string) => {
    if (!/^\d{1,6}$/.test(text)) throw new Failure(`--${name} takes a whole number, up to 999999.`);
    return Number(text);
  };
  const { seed, orders, cluster, faults = cluster ? '4' : '200' } = values;
  return { seed, orders: count('orders', orders), faults: count('faults', faults), cluster };
}

await runCommand(async () => {
  const asked = readArguments();
  const wait = (holder: string) => console.log(`Another proof runs: waiting for process ${holder}`);
  try {
    return await withLock(`${home}.lock`, () => main(asked), wait);
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error;
    const left = existsSync(home) ? `what it wrote is in ${home}` : 'its files are gone';
    console.error(`Interrupted. Nothing of it runs any more, and ${left}.`);
    return 130;
  }
});
