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

/** Downloads and compiled code, which hold nothing of the user's, backups, the other topology's data, and locks, with the files that they are made of. */
const KEPT = /^((compile-)?cache$|backups$|cluster$|((stack|install)\.)?lock)/;

const STACK = {
  what: 'the local stack',
  stays: 'Backups below it stay, and the three nodes of npm run cluster.',
  again: 'npm run reset',
  unasked: 'npm run reset -- --yes',
};
const NODES = {
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
  const found = dataIn(home);
  if (found.length === 0) {
    console.log(cluster ? 'There is no cluster.' : 'There is no local data.');
    return 0;
  }
  const { what, stays, again, unasked } = cluster ? NODES : STACK;
  console.log(
    `This stops ${what} and deletes, below ${home}: ${found.join(', ')}.\nThat is every film and order, every waiting message, and the logs. ${stays}`,
  );
  const agreed = yes || (await confirm('Delete it?', `Nothing was deleted: say ${unasked} where nobody can be asked.`));
  if (!agreed) throw new Failure('Nothing was deleted.');
  endWith(`Interrupted. Some of it may be deleted already: ${again} does the rest.`);
  const report = createReport();
  const deleteData = () => {
    for (const name of dataIn(home)) rmSync(join(home, name), { recursive: true, force: true });
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

function dataIn(home: string): string[] {
  return existsSync(home) ? readdirSync(home).filter((name) => !KEPT.test(name)) : [];
}
