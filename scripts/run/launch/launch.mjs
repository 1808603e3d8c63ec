// Runs one of the project's programs: node scripts/run/launch/launch.mjs [--NODE-OPTION...] PROGRAM.ts [ARGUMENT...]
//
// The programs are TypeScript, which Node runs by itself from 22.18 on. This file, and what it imports, is what comes before:
// plain JavaScript that Node 20.19 understands. It installs what package-lock.json asks for when that is not there yet,
// generates the Prisma clients, and hands over to the Node that came with the installation.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { withLock } from '../servers/lock.mjs';
import { errorSentence } from '../terminal/error-sentence.mjs';
import { Failure } from '../terminal/failure.mjs';
import { Interruption } from './child.mjs';
import { helpOf } from './help.mjs';
import { distrustInstallation, install, isInstalled } from './install.mjs';
import { answersVersion, environmentFor, findNode } from './node-binary.mjs';
import { generateClients, isGenerated } from './prisma-client.mjs';

async function prepare() {
  if (isInstalled() && isGenerated()) return;
  await withLock(join(checkout, '.local', 'install.lock'), async (include) => {
    if (!isInstalled()) await install(include);
    if (!isGenerated()) await generateClients(include);
  });
}

/** Runs the program to its end, and gives its status. */
function run(node, options, program, args) {
  return new Promise((resolve) => {
    const child = spawn(node, [...options, program, ...args], { stdio: 'inherit', env: environmentFor(node) });
    // Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    process.on('SIGINT', () => {});
    child.on('error', () => resolve(126)); // no program at all
    child.on('exit', (status, signal) => resolve(signal ? 128 + constants.signals[signal] : status));
  });
}

async function main(words) {
  const first = words.findIndex((word) => !word.startsWith('--'));
  if (first < 0) throw new Failure('Usage: node scripts/run/launch/launch.mjs [--NODE-OPTION...] PROGRAM.ts [ARGUMENT...]');
  const [options, program, args] = [words.slice(0, first), join(checkout, words[first]), words.slice(first + 1)];
  if (args.includes('--help')) {
    console.log(helpOf(program));
    return 0;
  }
  await prepare();
  const node = findNode();
  const status = await run(node, options, program, args);
  if (status === 0 || node === process.execPath || answersVersion(node)) return status;
  console.error('The Node of this installation does not run');
  distrustInstallation();
  await prepare();
  return run(findNode(), options, program, args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interruption) process.exit(error.status);
  console.error(error instanceof Failure ? error.message : errorSentence(error));
  process.exit(1);
}
