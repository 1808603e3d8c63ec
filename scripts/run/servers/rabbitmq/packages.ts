import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../terminal/failure.mjs';

const run = promisify(execFile);

export async function hasApt(): Promise<boolean> {
  try {
    await Promise.all([run('apt-get', ['--version']), run('dpkg', ['--version'])]);
    return true;
  } catch {
    return false;
  }
}

/** Makes the folder `target`, with what RabbitMQ needs and the system does not have. Works in the folder `work` meanwhile. */
export async function unpack(target: string, work: string, onProgress: (what: string) => void): Promise<void> {
  const [lists, archives, packages, tree] = ['lists', 'apt', 'packages', 'tree'].map((name) => join(work, name));
  rmSync(work, { recursive: true, force: true });
  for (const folder of [join(lists!, 'partial'), join(archives!, 'archives', 'partial'), packages!, tree!]) {
    mkdirSync(folder, { recursive: true });
  }
  const apt = aptIn(work, { lists: lists!, archives: archives!, packages: packages! });
  try {
    onProgress('reading the package lists');
    await apt('update');
    const wanted = await wantedPackages(apt);
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
  rmSync(target, { recursive: true, force: true });
  renameSync(tree!, target);
  rmSync(work, { recursive: true, force: true });
}

type Apt = (...args: string[]) => Promise<{ stdout: string }>;

/** `apt-get` with lists, archives and packages in folders of our own. */
function aptIn(work: string, { lists, archives, packages }: { lists: string; archives: string; packages: string }): Apt {
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
  return (...args) =>
    run('apt-get', ['-qq', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...args], {
      cwd: packages,
      env: { ...process.env, LC_ALL: 'C', TMPDIR: work },
      maxBuffer: 64 * 1024 * 1024,
    });
}

async function wantedPackages(apt: Apt): Promise<string[]> {
  const needed = await apt('install', '--print-uris', '--no-install-recommends', 'rabbitmq-server');
  const names = [...needed.stdout.matchAll(/^'\S+' ([^_\s]+)_/gm)].map((match) => match[1]!);
  const installed = await run('dpkg-query', ['--show']); // name:architecture, version
  const present = new Set(installed.stdout.split('\n').map((line) => line.split(/[:\t]/)[0]));
  return names.filter(
    (name) =>
      /^(erlang-|rabbitmq-server$)/.test(name) ||
      (/^(lib|zlib)/.test(name) && !/^lib(python|perl|pam)/.test(name) && !present.has(name)),
  );
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
