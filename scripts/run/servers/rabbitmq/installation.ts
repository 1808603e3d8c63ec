import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { withLock } from '../lock.mjs';

const run = promisify(execFile);

export interface RabbitmqInstallation {
  /** The folder of `rabbitmq-server` and `rabbitmqctl`. */
  scripts: string;
  /** The folder of `erl` and `epmd`; undefined when they are on PATH. */
  erlang?: string;
  environment: Record<string, string>;
}

/** Unpacked once for all homes of this checkout. */
const CACHE = join(checkout, '.local', 'cache', 'rabbitmq');
const UNPACKED = join(CACHE, 'unpacked');

/** An installed RabbitMQ, or one unpacked from Debian's or Ubuntu's packages, which needs neither root nor an installation. */
export async function findRabbitmq(onProgress: (what: string) => void = () => {}): Promise<RabbitmqInstallation> {
  const installed = findInstalled();
  if (installed) return installed;
  if (!existsSync(UNPACKED)) {
    if (!(await hasApt())) {
      throw new Failure(
        'RabbitMQ is not installed and cannot be fetched here (that needs Debian or Ubuntu): install it (macOS: brew install rabbitmq; others: their package rabbitmq-server), then try again.',
      );
    }
    await withLock(join(CACHE, 'lock'), async () => {
      if (!existsSync(UNPACKED)) await unpack(onProgress);
    });
  }
  return findUnpacked();
}

function findInstalled(): RabbitmqInstallation | undefined {
  // Not Debian's /usr/sbin/rabbitmq-server: that insists on the user rabbitmq.
  const debian = newest(globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin'));
  if (debian && onPath('erl')) return { scripts: debian, environment: {} };
  const homebrew = ['/opt/homebrew/sbin', '/usr/local/sbin'].find((folder) => existsSync(join(folder, 'rabbitmq-server')));
  if (homebrew) return { scripts: homebrew, environment: {} };
  const found = onPath('rabbitmq-server');
  if (found && found !== '/usr/sbin' && onPath('erl')) return { scripts: found, environment: {} };
  return undefined;
}

function onPath(command: string): string | undefined {
  return (process.env.PATH ?? '').split(delimiter).find((folder) => folder && existsSync(join(folder, command)));
}

const newest = (folders: string[]) => folders.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1);

/**
 * The scripts of RabbitMQ and Erlang break at a space in a path. `/proc/self/cwd` is another name of the working directory,
 * short and without spaces: they are run from the checkout's root.
 */
export function pathFromCheckout(path: string): string {
  return process.platform === 'linux' ? join('/proc/self/cwd', relative(checkout, path)) : path;
}

function findUnpacked(): RabbitmqInstallation {
  const scripts = newest(globSync('usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin', { cwd: UNPACKED }))!;
  const root = pathFromCheckout(UNPACKED);
  const libraries = globSync('{usr/,}lib/*-linux-gnu*/', { cwd: UNPACKED }).map((folder) => join(root, folder));
  return {
    scripts: join(root, scripts),
    erlang: join(root, 'usr/lib/erlang/bin'),
    environment: {
      ERL_ROOTDIR: join(root, 'usr/lib/erlang'),
      ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(delimiter) }),
    },
  };
}

async function hasApt(): Promise<boolean> {
  try {
    await Promise.all([run('apt-get', ['--version']), run('dpkg', ['--version'])]);
    return true;
  } catch {
    return false;
  }
}

async function unpack(onProgress: (what: string) => void): Promise<void> {
  const work = join(CACHE, 'work');
  const [lists, archives, packages, tree] = ['lists', 'apt', 'packages', 'tree'].map((name) => join(work, name));
  rmSync(work, { recursive: true, force: true });
  for (const folder of [join(lists!, 'partial'), join(archives!, 'archives', 'partial'), packages!, tree!]) {
    mkdirSync(folder, { recursive: true });
  }
  // With nothing known as installed, apt names every package that RabbitMQ needs; what the system has is left out below.
  const status = join(work, 'status');
  writeFileSync(status, '');
  const options = {
    'Dir::State::lists': lists,
    'Dir::State::status': status,
    'Dir::Cache': archives,
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': 'root', // its own user, _apt, could not write into the checkout
    'Acquire::Retries': '3',
    'Acquire::http::Timeout': '30',
  };
  const apt = (...args: string[]) =>
    run('apt-get', ['-qq', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...args], {
      cwd: packages,
      env: { ...process.env, LC_ALL: 'C', TMPDIR: work },
      maxBuffer: 64 * 1024 * 1024,
    });
  try {
    onProgress('reading the package lists');
    await apt('update');
    const needed = await apt('install', '--print-uris', '--no-install-recommends', 'rabbitmq-server');
    const names = [...needed.stdout.matchAll(/^'\S+' ([^_\s]+)_/gm)].map((match) => match[1]!);
    const installed = await run('dpkg-query', ['--show']); // name:architecture, version
    const present = new Set(installed.stdout.split('\n').map((line) => line.split(/[:\t]/)[0]));
    const wanted = names.filter(
      (name) =>
        /^(erlang-|rabbitmq-server$)/.test(name) ||
        (/^(lib|zlib)/.test(name) && !/^lib(python|perl|pam)/.test(name) && !present.has(name)),
    );
    onProgress(`downloading ${wanted.length} packages`);
    await apt('download', ...wanted);
    const files = globSync('*.deb', { cwd: packages });
    for (const [index, file] of files.entries()) {
      onProgress(`unpacking ${index + 1} of ${files.length} packages`);
      await run('dpkg', ['-x', file, tree!], { cwd: packages });
    }
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = (stderr || message).trim().split('\n').at(-1);
    throw new Failure(
      `RabbitMQ could not be fetched from the system's package sources (${reason}): check the network, or install rabbitmq-server, then try again.`,
    );
  }
  // Its own path is fixed in this script, whatever ERL_ROOTDIR says.
  const erl = join(tree!, 'usr/lib/erlang/bin/erl');
  writeFileSync(erl, readFileSync(erl, 'utf8').replace(/ROOTDIR=\/usr\/lib\/erlang$/gm, 'ROOTDIR="$ERL_ROOTDIR"'));
  removeUnusedPlugins(tree!);
  renameSync(tree!, UNPACKED);
  rmSync(work, { recursive: true, force: true });
}

/**
 * Erlang looks for each module in every plugin's folder: without those that the broker does not need (management, MQTT, ...)
 * it starts with two thirds of the processor time.
 */
function removeUnusedPlugins(tree: string): void {
  const files = globSync('usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/*/ebin/*.app', { cwd: tree });
  const plugins = new Map(files.map((file) => [basename(file, '.app'), join(tree, file)]));
  const needed = new Set<string>();
  const pending = ['rabbit', 'rabbitmq_prelaunch'];
  for (let name = pending.pop(); name; name = pending.pop()) {
    const file = plugins.get(name);
    if (!file || needed.has(name)) continue; // Erlang's own, or seen
    needed.add(name);
    const [, applications = ''] = /\{\s*applications\s*,\s*\[([^\]]*)\]/.exec(readFileSync(file, 'utf8')) ?? [];
    pending.push(...(applications.match(/\w+/g) ?? []));
  }
  for (const [name, file] of plugins) {
    if (!needed.has(name)) rmSync(dirname(dirname(file)), { recursive: true });
  }
}
