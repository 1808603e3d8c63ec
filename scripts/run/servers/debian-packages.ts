import { execFile } from 'node:child_process';
import { globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../terminal/failure.mjs';

const run = promisify(execFile);

export async function hasApt(): Promise<boolean> {
  try {
    await Promise.all([run('apt-get', ['--version']), run('dpkg', ['--version'])]);
    return true;
  } catch {
    return false;
  }
}

interface Wanted {
  /** The programs' name, for a sentence. */
  what: string;
  /** These, with everything that they need. */
  packages: string[];
  /** Which of all that is unpacked. `isInstalled`: the system has it. */
  keep: (name: string, isInstalled: boolean) => boolean;
  /** Done to the unpacked files, before anybody sees them. */
  prepare?: (tree: string) => void;
}

/** Makes the folder `target`, with what these packages of the system's sources need and the system does not have. Works in the folder `work` meanwhile. */
export async function unpack(target: string, work: string, wanted: Wanted, onProgress: (what: string) => void): Promise<void> {
  const [lists, archives, packages, tree] = ['lists', 'apt', 'packages', 'tree'].map((name) => join(work, name));
  rmSync(work, { recursive: true, force: true });
  for (const folder of [join(lists!, 'partial'), join(archives!, 'archives', 'partial'), packages!, tree!]) {
    mkdirSync(folder, { recursive: true });
  }
  const apt = aptIn(work, { lists: lists!, archives: archives!, packages: packages! });
  try {
    onProgress('reading the package lists');
    await apt('update');
    const names = await namesOf(apt, wanted);
    onProgress(`downloading ${names.length} packages`);
    await apt('download', ...names);
    const files = globSync('*.deb', { cwd: packages });
    for (const [index, file] of files.entries()) {
      onProgress(`unpacking ${index + 1} of ${files.length} packages`);
      await run('dpkg', ['-x', file, tree!], { cwd: packages });
    }
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = (stderr || message).trim().split('\n').at(-1);
    throw new Failure(
      `${wanted.what} could not be fetched from the system's package sources (${reason}): check the network, or install ${wanted.packages.join(' ')}, then try again.`,
    );
  }
  wanted.prepare?.(tree!);
  rmSync(target, { recursive: true, force: true });
  renameSync(tree!, target);
  rmSync(work, { recursive: true, force: true });
}

type Apt = (...args: string[]) => Promise<{ stdout: string }>;

/** `apt-get` with lists, archives and packages in folders of our own. */
function aptIn(work: string, { lists, archives, packages }: { lists: string; archives: string; packages: string }): Apt {
  // With nothing known as installed, apt names every package that is needed; what the system has is left out below.
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

async function namesOf(apt: Apt, { packages, keep }: Wanted): Promise<string[]> {
  const needed = await apt('install', '--print-uris', '--no-install-recommends', ...packages);
  const names = [...needed.stdout.matchAll(/^'\S+' ([^_\s]+)_/gm)].map((match) => match[1]!);
  const installed = await run('dpkg-query', ['--show']); // name:architecture, version
  const present = new Set(installed.stdout.split('\n').map((line) => line.split(/[:\t]/)[0]));
  return names.filter((name) => keep(name, present.has(name)));
}
