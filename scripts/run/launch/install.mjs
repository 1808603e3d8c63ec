import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';
import { canRedraw } from '../terminal/redrawing.mjs';
import { runChild } from './child.mjs';
import { installAdvice } from './install-advice.mjs';
import { missingPackages } from './missing-packages.mjs';
import { answersVersion, installedNode } from './node-binary.mjs';

const cache = join(checkout, '.local', 'cache');
const modules = join(checkout, 'node_modules');
const lockFile = join(checkout, 'package-lock.json');
/** Says of which lock file the installation is, and how large its Node was. */
const stamp = join(modules, '.crud-master-installed');
/** There while npm works. npm takes a package for whole as soon as its package.json is there: what it leaves then is not to be built on. */
const unfinished = join(cache, 'installing');

/** Bytes: all packages (0.9 GB), and a first start's RabbitMQ, databases and logs. */
const SPACE = 1.2e9;
/** Bytes for what an upgrade replaces. */
const LEAST_SPACE = 0.3e9;

/** Bytes: with less the disk counts as full. npm itself often dies then without a word. */
const FULL = 20e6;

/** Whatever the user's own settings of npm leave out. */
const WHOLE = [
  ...['--include=dev', '--include=optional', '--include=peer', '--global=false', '--dry-run=false', '--package-lock=true'],
  ...['--bin-links=true', '--install-strategy=hoisted', '--engine-strict=false'],
];
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--progress=false'];

export function isInstalled() {
  if (existsSync(unfinished) || readText(stamp) !== currentStamp()) return false;
  return missingPackages(lockFile).missing.length === 0;
}

/** What looks whole may still hold a Node that does not run, which the stamp cannot see: a bad sector, a hand that slipped. */
export function distrustInstallation() {
  mkdirSync(cache, { recursive: true });
  writeFileSync(unfinished, '');
}

export async function install(include) {
  // `ci` would first delete the packages that a running stack was started from.
  const again = existsSync(modules);
  if (again && !existsSync(unfinished)) {
    if ((await runNpm('install', include)).length === 0) return;
  } else if (again) {
    console.error('The last installation was not finished, or is broken: it is made again');
  }
  const missing = await runNpm('ci', include);
  if (missing.length === 0) return;
  throw new Failure(
    `npm has installed all but ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ' and others' : ''}: the registry may lack them (npm config get registry), or this system is not one they are made for.`,
  );
}

/** Gives the names of what is not there afterwards. */
async function runNpm(how, include) {
  if (how === 'ci') rmSync(modules, { recursive: true, force: true }); // as it would itself, but before the look at the disk
  const { missing, total } = missingPackages(lockFile);
  requireSpace(how === 'ci' ? SPACE : Math.max(LEAST_SPACE, (SPACE * missing.length) / total));
  console.error(`Installing packages (${how === 'ci' ? 'once, about a minute' : 'what has changed'})`);
  const started = Date.now();
  const lock = readFileSync(lockFile);
  distrustInstallation();
  const [command, ...npm] = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const logs = [`--logs-dir=${join(cache, 'npm-logs')}`, '--logs-max=3'];
  const progress = showProgress(total);
  const { status, output } = await runChild(command, [...npm, how, ...WHOLE, ...QUIET, ...logs], {
    cwd: checkout,
    env: { ...process.env, ...npmCache() },
    onStart: include,
  })
    .catch((error) => {
      if (error.code !== 'ENOENT') throw error;
      throw new Failure('npm is not on the PATH: install npm, then try again.');
    })
    .finally(() => {
      clearInterval(progress);
      // Versions of npm differ in the order of its lines; that is no change worth showing in git.
      if (!readFileSync(lockFile).equals(lock)) writeFileSync(lockFile, lock);
    });
  if (status !== 0) throw new Failure(installAdvice(freeSpace() < FULL ? 'npm error code ENOSPC' : output));
  const left = missingPackages(lockFile).missing;
  if (left.length > 0) return left;
  if (existsSync(installedNode) && !answersVersion(installedNode)) return [installedNode];
  writeFileSync(stamp, currentStamp());
  rmSync(unfinished, { force: true });
  console.error(`Packages installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return [];
}

function freeSpace() {
  const { bavail, bsize } = statfsSync(checkout);
  return bavail * bsize;
}

function requireSpace(needed) {
  const free = freeSpace();
  if (free >= needed) return;
  throw new Failure(
    `The packages need ${gigabytes(needed)} of disk space, and ${checkout} has ${gigabytes(free)} free. Free some space, or put the checkout on another disk, then try again.`,
  );
}

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

function showProgress(total) {
  const redraws = canRedraw(process.stderr);
  const step = redraws ? 1000 : 10_000;
  return setInterval(() => {
    const there = total - missingPackages(lockFile).missing.length;
    process.stderr.write(`${redraws ? '\x1b[2K\r' : ''}… ${there} of ${total} packages${redraws ? '\r' : '\n'}`);
  }, step);
}

/** npm's own cache, or one in the checkout where that cannot be written (a home that is read-only, or root's). */
function npmCache() {
  const usual = process.env.npm_config_cache ?? join(homedir(), '.npm');
  try {
    mkdirSync(join(usual, '_cacache'), { recursive: true });
    accessSync(join(usual, '_cacache'), constants.W_OK);
    return {};
  } catch {
    return { npm_config_cache: join(cache, 'npm') };
  }
}

function currentStamp() {
  const lock = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  return JSON.stringify({ lock, node: statSync(installedNode, { throwIfNoEntry: false })?.size ?? 0 });
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
