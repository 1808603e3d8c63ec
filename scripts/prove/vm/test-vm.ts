/**
 * npm run test:vm -- [--keep] [--replace]
 *
 * Makes the three machines, and replays the audit on them when they are new, after a reload, and after a second provisioning.
 * Then cuts the power of billing's machine under orders: each that was answered 200 has to be stored exactly once.
 * Then destroys them. VAGRANT: another command for Vagrant. Everything that is printed goes to .local/test-vm.log as well.
 *
 *   --keep      leaves the machines running at the end
 *   --replace   destroys machines that are there already; without it they are left alone, and nothing is done
 */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runCommand } from '../../run/terminal/command.ts';
import { powerCut } from './power-cut.ts';
import { typed, vagrant } from './vagrant.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LOG = `${ROOT}/.local/test-vm.log`;
const MACHINES = ['billing-vm', 'inventory-vm', 'gateway-vm'];
const USAGE_OF_MACHINE =
  'free --mega | awk \'/^Mem/ { print $3 " of " $2 " MB" }\'; df --output=used --block-size=1M / | tail -n 1';

let options: { keep?: boolean; replace?: boolean } = {};

mkdirSync(`${ROOT}/.local`, { recursive: true });
const log = createWriteStream(LOG);

function print(text: string): void {
  process.stdout.write(text);
  log.write(text);
}

interface Step {
  title: string;
  seconds: number;
}
const steps: Step[] = [];

/** Runs a step, and notes how long it took. Throws when it fails. */
async function step(title: string, work: () => Promise<number>): Promise<void> {
  print(`\n=== ${title}\n`);
  const started = Date.now();
  const status = await work();
  const seconds = Math.round((Date.now() - started) / 1000);
  if (status !== 0) throw new Error(`${title} failed (status ${status}) after ${seconds} s.`);
  steps.push({ title, seconds });
}

const vagrantStep = (...words: string[]) => step(`vagrant ${typed(words)}`, async () => (await vagrant(words, print)).status);

const audit = () =>
  step('npm run audit -- --target vagrant --delete-all', () => {
    const program = fileURLToPath(new URL('../../operate/audit/audit.ts', import.meta.url));
    const child = spawn(process.execPath, [program, '--target', 'vagrant', '--delete-all'], { cwd: ROOT });
    child.stdout.on('data', (data) => print(String(data)));
    child.stderr.on('data', (data) => print(String(data)));
    return new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  });

async function existing(): Promise<string[]> {
  const { output, status } = await vagrant(['status']);
  if (status !== 0) throw new Error(`vagrant status failed:\n${output}`);
  return MACHINES.filter((machine) => !new RegExp(`^${machine}\\s+not created`, 'm').test(output));
}

async function whole(): Promise<void> {
  const present = await existing();
  if (present.length > 0 && !options.replace) {
    throw new Error(`${present.join(', ')} exist already. --replace destroys them first, with their data.`);
  }
  if (present.length > 0) await vagrantStep('destroy', '--force');

  await vagrantStep('up');
  await vagrantStep('status');
  await audit();
  await vagrantStep('reload');
  await audit();
  await vagrantStep('provision');
  await audit();
  await step('a power cut of billing-vm under orders', async () => {
    const lost = await powerCut(print);
    if (lost.length > 0) print(`${lost.join('\n')}\n`);
    return lost.length === 0 ? 0 : 1;
  });

  print('\n=== What the machines use: memory, and MB of disk\n');
  for (const machine of MACHINES) {
    const { output } = await vagrant(['ssh', machine, '--no-tty', '-c', USAGE_OF_MACHINE]);
    print(
      `${machine.padEnd(14)}${output
        .trim()
        .split(/\s*\n\s*/)
        .join(', ')}\n`,
    );
  }
  if (!options.keep) await vagrantStep('destroy', '--force');
}

async function main(): Promise<number> {
  options = parseArgs({ options: { keep: { type: 'boolean' }, replace: { type: 'boolean' } } }).values;
  let failure = '';
  try {
    await whole();
  } catch (error) {
    failure = (error as Error).message;
  }
  print('\n=== Seconds of each step\n');
  for (const { title, seconds } of steps) print(`${String(seconds).padStart(6)}  ${title}\n`);
  print(failure ? `\n${failure} The machines are left as they are.\n` : '\nAll of it worked.\n');
  print(`Log: ${LOG}\n`);
  return failure ? 1 : 0;
}

await runCommand(main);
log.end();
