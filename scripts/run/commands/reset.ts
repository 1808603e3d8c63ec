// npm run reset [-- --yes]: stops the stack and deletes its data
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { localHome, requireOwner } from '../stack/home.ts';
import { stopStack } from '../stack/stack.ts';
import { endWith, runCommand } from '../terminal/command.ts';
import { confirm } from '../terminal/confirm.ts';
import { Failure } from '../terminal/failure.mjs';
import { createReport } from '../terminal/report.ts';

/** Downloads and compiled code, which hold nothing of the user's, backups, and locks, with the files that they are made of. */
const KEPT = /^((compile-)?cache$|backups$|(stack|install)\.lock)/;

await runCommand(async () => {
  const { yes } = parseArgs({ options: { yes: { type: 'boolean' } } }).values;
  const home = localHome();
  requireOwner(home);
  const found = dataIn(home);
  if (found.length === 0) {
    console.log('There is no local data.');
    return 0;
  }
  console.log(
    `This stops the local stack and deletes, below ${home}: ${found.join(', ')}.\nThat is every film and order, every waiting message, and the logs. Backups below it stay.`,
  );
  const agreed =
    yes || (await confirm('Delete it?', 'Nothing was deleted: say npm run reset -- --yes where nobody can be asked.'));
  if (!agreed) throw new Failure('Nothing was deleted.');
  endWith('Interrupted. Some of it may be deleted already: npm run reset does the rest.');
  await stopStack(home, createReport(), () => {
    for (const name of dataIn(home)) rmSync(join(home, name), { recursive: true, force: true });
  });
  console.log('Deleted.');
  return 0;
});

function dataIn(home: string): string[] {
  return existsSync(home) ? readdirSync(home).filter((name) => !KEPT.test(name)) : [];
}
