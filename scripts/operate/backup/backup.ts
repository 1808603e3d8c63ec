// npm run backup [-- [--cluster] [FOLDER]]: writes films, orders and the broker's definitions into a new folder, while the services work
//
// --cluster: those of the three nodes (docs/cluster.md), of which one is enough. Either kind of stack takes the backup of the other.
// FOLDER is .local/backups/TIME without one. Whoever can read it has all data and the hashes of the broker's passwords.
// Not in it: messages that wait in the queue, and dead letters. docs/reliability.md says what to do about them.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { localHome } from '../../run/stack/home.ts';
import { endWith, runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createReport } from '../../run/terminal/report.ts';
import { textTable } from '../../run/terminal/table.ts';
import { chosenStack } from '../operated-stack.ts';
import { restoreCommand } from './restore-command.ts';
import { writeBackup } from './write-backup.ts';

await runCommand(async () => {
  const { stack, rest } = chosenStack(process.argv.slice(2));
  const { positionals } = parseArgs({ args: rest, allowPositionals: true });
  if (positionals.length > 1) throw new Failure('Usage: npm run backup -- [--cluster] [FOLDER]');
  const local = localHome();
  const time = `${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
  // npm runs this in the checkout, the user may be elsewhere.
  const folder = resolve(process.env.INIT_CWD ?? '.', positionals[0] ?? join(local, 'backups', time));
  const isBelow = (parent: string) => `${folder}/`.startsWith(`${parent}/`);
  if (isBelow(local) && !isBelow(join(local, 'backups')))
    throw new Failure(
      `${folder} is inside ${local}, whose files come and go: name a folder outside of it, or below ${join(local, 'backups')}.`,
    );
  endWith('Interrupted: there is no backup.');
  const { files } = await writeBackup(stack, folder, createReport());
  const sizes = Object.entries(files).map(([name, { bytes }]) => [name, bytes.toLocaleString('en').padStart(15), 'bytes']);
  console.log(`\n${folder}\n${textTable(sizes)}\n\n${restoreCommand(stack, folder)} brings it back.`);
  return 0;
});
