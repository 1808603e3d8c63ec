// npm run restore -- [--cluster] FOLDER [--yes]: replaces films, orders and the broker's definitions by those of a backup, after asking
//
// FOLDER is one that npm run backup has made; an older one gets the migrations that have come since. Old and new data take each
// other's place at one moment: interrupted at any time, all is as it was or as in the backup. What waits in the queue stays there.
// --cluster: those of the three nodes (docs/cluster.md), which are started where they are down.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { databases } from '../../run/servers/migrations.ts';
import { endWith, runCommand, sentenceOf } from '../../run/terminal/command.ts';
import { confirm } from '../../run/terminal/confirm.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createReport } from '../../run/terminal/report.ts';
import { chosenStack } from '../operated-stack.ts';
import { readBackup } from './manifest.ts';
import { restoreBackup } from './restoration.ts';
import { restoreCommand } from './restore-command.ts';
import { rowsText } from './write-backup.ts';

await runCommand(async () => {
  const { stack, rest } = chosenStack(process.argv.slice(2), { begins: true });
  const { values, positionals } = parseArgs({ args: rest, allowPositionals: true, options: { yes: { type: 'boolean' } } });
  if (positionals.length !== 1)
    throw new Failure('Usage: npm run restore -- [--cluster] FOLDER [--yes], with a folder that npm run backup has made.');
  const folder = resolve(process.env.INIT_CWD ?? '.', positionals[0]!); // npm runs this in the checkout, the user may be elsewhere
  const manifest = await readBackup(folder);
  const contents = databases.map(({ prefix }) => rowsText(manifest.databases[prefix])).join(', ');
  console.log(
    `This stops the services of ${stack.title} and replaces both databases there by those of ${folder}, of ${manifest.made}: ${contents}.\nWhat was stored since then is lost, and so is every table that was made by hand. Orders that wait in the queue, and dead letters, stay where they are.`,
  );
  const agreed =
    values.yes ||
    (await confirm(
      'Replace them?',
      `Nothing was changed: say ${restoreCommand(stack, folder)} --yes where nobody can be asked.`,
    ));
  if (!agreed) throw new Failure('Nothing was changed.');
  const afterwards = `The data are as they were or, if it came so far, all as in the backup. Run it again, or go on with what is there: ${stack.starts}.`;
  endWith(`Interrupted. ${afterwards}`);
  await restoreBackup(stack, process.env, { folder, manifest }, createReport()).catch((error) => {
    throw new Failure(`${sentenceOf(error)}\n${afterwards}`);
  });
  console.log('Restored. All of it runs.');
  return 0;
});
