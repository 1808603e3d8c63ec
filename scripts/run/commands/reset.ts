// npm run reset [-- --cluster --yes]: stops the stack, or the three nodes of `npm run cluster`, and deletes its data
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clusterOf } from '../cluster/layout.ts';
import { alone } from '../cluster/refill.ts';
import { stopCluster } from '../cluster/stop.ts';
import { localHome, requireOwner } from '../stack/home.ts';
import { stopStack } from '../stack/stack.ts';
import { endWith, runCommand } from '../terminal/command.ts';
import { confirm } from '../terminal/confirm.ts';
import { Failure } from '../terminal/failure.mjs';
import { createReport } from '../terminal/report.ts';

const STACK = {
  /** What it makes. Nothing else goes: a user may have put data aside here, a proof may be under way. */
  made: /^(postgres|rabbitmq|pm2|(identity|environment|overrides)\.json|live-history-\d+\.jsonl(\.new)?|former-tables-\w{6})$/,
  what: 'the local stack',
  stays: 'All else below it stays: backups, what was put aside, and the three nodes of npm run cluster.',
  again: 'npm run reset',
  unasked: 'npm run reset -- --yes',
};
const NODES = {
  made: /^(node-[123]|pm2|network|haproxy\.cfg|(secrets|servers|identity|environment|overrides)\.json|former-tables-\w{6})$/,
  what: 'all three nodes',
  stays: 'The stack of npm start stays, and backups.',
  again: 'npm run reset -- --cluster',
  unasked: 'npm run reset -- --cluster --yes',
};

await runCommand(async () => {
  const options = { yes: { type: 'boolean' }, cluster: { type: 'boolean' } } as const;
  const { yes, cluster } = parseArgs({ options }).values;
  const local = localHome();
  requireOwner(local);
  const home = cluster ? join(local, 'cluster') : local;
  const { made, what, stays, again, unasked } = cluster ? NODES : STACK;
  const dataIn = () => (existsSync(home) ? readdirSync(home).filter((name) => made.test(name)) : []);
  const found = dataIn();
  if (found.length === 0) {
    console.log(cluster ? 'There is no cluster.' : 'There is no local data.');
    return 0;
  }
  console.log(
    `This stops ${what} and deletes, below ${home}: ${found.join(', ')}.\nThat is every film and order, every waiting message, and the logs. ${stays}`,
  );
  const agreed = yes || (await confirm('Delete it?', `Nothing was deleted: say ${unasked} where nobody can be asked.`));
  if (!agreed) throw new Failure('Nothing was deleted.');
  endWith(`Interrupted. Some of it may be deleted already: ${again} does the rest.`);
  const report = createReport();
  const deleteData = () => {
    for (const name of dataIn()) rmSync(join(home, name), { recursive: true, force: true });
  };
  if (cluster) {
    await alone(home, report, async () => {
      await stopCluster(clusterOf(home), report);
      deleteData();
    });
  } else await stopStack(home, report, deleteData);
  console.log('Deleted.');
  return 0;
});
