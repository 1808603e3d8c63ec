// Runs one of the project's programs: node scripts/local/launch.mjs PROGRAM.ts [ARGUMENT...]
//
// The programs are TypeScript, which Node runs by itself from 22.18 on. This file is what comes before: plain JavaScript that
// Node 20.19 understands. It installs what package-lock.json asks for when that is not there yet, generates the Prisma clients,
// and hands over to the Node that came with the installation.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const local = join(checkout, '.local');
const modules = join(checkout, 'node_modules');
/** Workspaces whose client `prisma generate` writes. */
const PRISMA_WORKSPACES = ['inventory-app', 'billing-app'];

class Failure extends Error {}

async function prepare() {
  if (isInstalled() && isGenerated()) return;
  await withLock(
    join(local, 'install.lock'),
    () => {
      if (!isInstalled()) install();
      if (!isGenerated()) generate();
    },
    (pid) => say(`Waiting for another installation (process ${pid}) to end`),
  );
}

/** npm writes its own record last, ours says of which lock file it was. */
function isInstalled() {
  return existsSync(join(modules, '.package-lock.json')) && stampOf(join(modules, '.crud-master-installed')) === lockDigest();
}

function install() {
  say('Installing packages (once, about a minute)');
  const started = Date.now();
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  // `ci` would first delete the packages that a running stack was started from.
  const how = existsSync(modules) ? 'install' : 'ci';
  const [command, ...args] = [...npm, how, '--no-audit', '--no-fund', '--loglevel=error'];
  const lock = readFileSync(join(checkout, 'package-lock.json'));
  const { status, error } = spawnSync(command, args, {
    cwd: checkout,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, npm_config_ignore_scripts: 'true' },
  });
  // Versions of npm differ in the order of its lines; that is no change worth showing in git.
  if (!readFileSync(join(checkout, 'package-lock.json')).equals(lock)) writeFileSync(join(checkout, 'package-lock.json'), lock);
  if (error || status !== 0) {
    throw new Failure(
      'The packages could not be installed: npm says above why. Check the network or the proxy settings of npm, and try again.',
    );
  }
  writeFileSync(join(modules, '.crud-master-installed'), lockDigest());
  say(`Packages installed in ${seconds(started)}`);
}

function isGenerated() {
  return PRISMA_WORKSPACES.every((workspace) => stampOf(generatedStamp(workspace)) === schemaDigest(workspace));
}

function generate() {
  const node = findNode();
  for (const workspace of PRISMA_WORKSPACES) {
    const digest = schemaDigest(workspace);
    if (stampOf(generatedStamp(workspace)) === digest) continue;
    const started = Date.now();
    const { status, stdout, stderr } = spawnSync(node, [join(modules, 'prisma', 'build', 'index.js'), 'generate'], {
      cwd: join(checkout, workspace),
      encoding: 'utf8',
      env: { ...environmentFor(node), CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' },
    });
    if (status !== 0)
      throw new Failure(`The Prisma client of ${workspace} could not be generated:\n${(stderr || stdout).trim()}`);
    mkdirSync(join(checkout, workspace, 'generated'), { recursive: true });
    writeFileSync(generatedStamp(workspace), digest);
    say(`Prisma client of ${workspace} generated in ${seconds(started)}`);
  }
}

const generatedStamp = (workspace) => join(checkout, workspace, 'generated', '.schema');
const schemaDigest = (workspace) => digest(readFileSync(join(checkout, workspace, 'prisma', 'schema.prisma')), lockDigest());
const lockDigest = () => digest(readFileSync(join(checkout, 'package-lock.json')));

function digest(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function stampOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The Node of the installation, else the one that runs this when it is new enough. */
function findNode() {
  const installed = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(installed)) return installed;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  throw new Failure(
    `Node ${process.versions.node} cannot run TypeScript, and npm has no newer Node for ${process.platform} on ${process.arch}. Install Node 22.18 or newer, and try again.`,
  );
}

function environmentFor(node) {
  const path = [join(node, '..'), join(modules, '.bin'), process.env.PATH].join(delimiter);
  return { ...process.env, PATH: path, NODE_BINARY: node };
}

function run(program, args) {
  const node = findNode();
  const child = spawn(node, [program, ...args], { stdio: 'inherit', env: environmentFor(node) });
  // Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  child.on('exit', (status, signal) => process.exit(signal ? 128 + constants.signals[signal] : status));
}

function say(what) {
  console.error(what);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

try {
  const [program, ...args] = process.argv.slice(2);
  if (!program) throw new Failure('Usage: node scripts/local/launch.mjs PROGRAM.ts [ARGUMENT...]');
  await prepare();
  run(join(checkout, program), args);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exit(1);
}
