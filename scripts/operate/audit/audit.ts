/**
 * npm run audit -- [--target local|vagrant] [--delete-all]
 *
 * Replays the exercise's audit, step by step, and prints each command with its result.
 *
 *   --target local    the stack of "npm start" (the default)
 *   --target vagrant  the virtual machines. VAGRANT: another command for Vagrant. GATEWAY_URL: another address of the gateway.
 *                     Where this computer has no way to the machines' network, curl runs in the gateway's machine.
 *   --delete-all      tries DELETE /api/movies also when the catalogue holds films of yours. They are gone afterwards.
 *
 * It leaves its orders in the table: there is no request that deletes one.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parse } from 'dotenv';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Audit } from './audit-step.ts';
import { localTarget } from './local-target.ts';
import { auditSteps } from './steps.ts';
import type { Done, Target } from './target.ts';
import { vagrantTarget } from './vagrant-target.ts';

const LINES_SHOWN = 14;

type Verdict = 'passed' | 'failed' | 'left out';

async function chooseTarget(name: string): Promise<Target> {
  if (name === 'local') return localTarget();
  const file = parse(await readFile(new URL('../../../.env', import.meta.url)));
  return vagrantTarget({ ...file, ...process.env });
}

async function show<T extends Done>(done: Promise<T>): Promise<T> {
  const result = await done;
  const lines = result.output.trimEnd().split('\n');
  const left = lines.length - LINES_SHOWN;
  console.log(`  $ ${result.command}`);
  for (const line of lines.slice(0, LINES_SHOWN)) console.log(`    ${line.slice(0, 160)}`);
  if (left > 0) console.log(`    … ${left} more lines`);
  if ('status' in result && 'command' in result) console.log(`    (status ${result.status})`);
  return result;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', default: 'local' },
      'delete-all': { type: 'boolean', default: false },
    },
  });
  if (!['local', 'vagrant'].includes(values.target)) throw new Failure('--target takes local or vagrant.');
  const audit: Audit = { target: await chooseTarget(values.target), deleteAll: values['delete-all'], show };

  const results: { title: string; verdict: Verdict; reason: string }[] = [];
  for (const [index, { title, run }] of auditSteps().entries()) {
    console.log(`\n${index + 1}. ${title}`);
    let verdict: Verdict = 'passed';
    let reason = '';
    try {
      reason = (await run(audit)) ?? '';
      if (reason) verdict = 'left out';
    } catch (error) {
      verdict = 'failed';
      reason = (error as Error).message;
    }
    console.log(`  ${verdict}${reason && `: ${reason}`}`);
    results.push({ title, verdict, reason });
  }

  const failed = results.filter(({ verdict }) => verdict === 'failed').length;
  console.log(`\nThe audit of the ${values.target === 'local' ? 'local stack' : 'virtual machines'}`);
  for (const [index, { title, verdict, reason }] of results.entries()) {
    console.log(`  ${String(index + 1).padStart(2)}  ${verdict.padEnd(8)}  ${title}${reason && ` (${reason})`}`);
  }
  console.log(failed === 0 ? '\nNo step failed.' : `\n${failed} of ${results.length} steps failed.`);
  return failed === 0 ? 0 : 1;
}

await runCommand(() =>
  main().catch((error: Error) => {
    throw new Failure(error.message);
  }),
);
