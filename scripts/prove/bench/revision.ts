import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { anyFreePort, freePort } from '../../run/servers/ports.ts';
import { environmentIn } from '../../run/stack/status.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { benchHome } from './processes.ts';
import type { Product } from './product.ts';

/**
 * Another revision of the project, in a folder of its own, and its stack, made and started by its own `npm start`: so that it
 * has the migrations, the settings and the queues that belong to it. Its services are stopped: who measures starts them.
 */
export async function startRevision(revision: string, say: (text: string) => void): Promise<Product> {
  const commit = commitOf(revision);
  const folder = join(benchHome, 'revisions', commit.slice(0, 12));
  if (!existsSync(folder)) {
    say(`Laying out ${revision}`);
    layOut(commit, folder);
  }
  say(`Starting the servers of ${revision}`);
  try {
    npm(folder, ['start'], await freePorts());
    const environment = environmentIn(npm(folder, ['run', '--silent', 'env']));
    deleteApps(folder, environment.PM2_HOME!);
    return { name: revision, checkout: folder, home: join(folder, '.local'), environment };
  } catch (error) {
    stopRevision({ checkout: folder });
    throw error;
  }
}

export const stopRevision = ({ checkout }: Pick<Product, 'checkout'>): string => npm(checkout, ['stop']);

function deleteApps(folder: string, PM2_HOME: string): void {
  const pm2 = join(folder, 'node_modules', 'pm2', 'bin', 'pm2');
  execFileSync(process.execPath, [pm2, 'delete', 'all', '--silent'], {
    cwd: folder,
    env: { ...process.env, PM2_HOME },
    stdio: 'ignore',
  });
}

function commitOf(revision: string): string {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], {
    cwd: checkout,
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new Failure(`${revision} is no revision of this repository: --compare takes a tag, a branch or a commit.`);
  return stdout.trim();
}

/** Writes the files of that commit there, with the packages of this checkout where they are the same. */
function layOut(commit: string, folder: string): void {
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(join(unfinished, '.local'), { recursive: true });
  const files = execFileSync('git', ['archive', commit], { cwd: checkout, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x'], { cwd: unfinished, input: files });
  symlinkSync(join(checkout, '.local', 'cache'), join(unfinished, '.local', 'cache'));
  const lock = (root: string) => readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (lock(unfinished) === lock(checkout)) sharePackages(unfinished);
  renameSync(unfinished, folder);
}

/** As links to the same files, a second 900 MB would be too many; links to folders would lead back to this checkout's services. */
function sharePackages(folder: string): void {
  const workspaces = readdirSync(checkout, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
  );
  for (const place of ['', ...workspaces.map(({ name }) => name)]) {
    const packages = join(checkout, place, 'node_modules');
    if (!existsSync(packages) || !existsSync(join(folder, place))) continue;
    const { status } = spawnSync('cp', ['-al', packages, join(folder, place)], { stdio: 'ignore' });
    if (status !== 0) rmSync(join(folder, place, 'node_modules'), { recursive: true, force: true }); // then npm start installs
  }
}

function npm(folder: string, args: string[], environment: Record<string, string> = {}): string {
  const [command, ...first] = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const { status, stdout } = spawnSync(command!, [...first, ...args], {
    cwd: folder,
    env: { ...ownVariables(), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Failure(`npm ${args.join(' ')} failed in ${folder}:\n${stdout}`);
  return stdout;
}

/** Without what npm has set for this program: the path to this checkout's programs, too. */
const ownVariables = () =>
  Object.fromEntries(
    Object.entries(process.env)
      .filter(([name]) => !/^(npm_(config|package|lifecycle|execpath|node|command)|INIT_CWD|NODE$)/.test(name))
      .map(([name, value]) => [name, name === 'PATH' ? withoutCheckout(value!) : value]),
  );

const withoutCheckout = (path: string) =>
  path
    .split(':')
    .filter((entry) => !entry.startsWith(checkout))
    .join(':');

/** The servers' are outside of the range that the system gives to anybody: RabbitMQ wants the next two as well. */
async function freePorts(): Promise<Record<string, string>> {
  const ports = {
    API_GATEWAY_PORT: await anyFreePort(),
    INVENTORY_PORT: await anyFreePort(),
    LOCAL_POSTGRES_PORT: await freePort(24_000),
    LOCAL_RABBITMQ_PORT: await freePort(25_000, 3),
  };
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
}
