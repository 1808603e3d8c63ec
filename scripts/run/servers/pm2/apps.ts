import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';
import { endProcess, isAlive, processName, worksIn } from './process.ts';

const run = promisify(execFile);

export interface App {
  name: string;
  status: string;
  pid: number;
  since: Date;
  restarts: number;
  /** Whether PM2 can start its successor beside it. */
  reloadable: boolean;
  /** That of its start. */
  environment: Record<string, string>;
}

/** A Unix socket's path has room for 107 bytes; PM2's longest file name there is this. */
const LONGEST = '/interactor.sock';
const SOCKET_PATH_LIMIT = 107;

/**
 * PM2's folder below that home. In a checkout whose path is too long for a socket it is named relative to the
 * working directory of whoever uses it, which then has to be the checkout.
 */
export function pm2Home(home: string): string {
  const folder = join(home, 'pm2');
  if (Buffer.byteLength(folder + LONGEST) <= SOCKET_PATH_LIMIT) return folder;
  const short = join('/proc/self/cwd', relative(checkout, folder));
  if (process.platform === 'linux' && Buffer.byteLength(short + LONGEST) <= SOCKET_PATH_LIMIT) return short;
  throw new Failure(`The path of this checkout is too long for PM2's sockets (${folder}). Move it to a shorter one.`);
}

const program = join(checkout, 'node_modules', 'pm2', 'bin', 'pm2');

function pm2Environment(home: string, environment: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...environment,
    PM2_HOME: pm2Home(home),
    PM2_DISABLE_VERSION_CHECK: 'true',
    NODE_BINARY: process.execPath,
  };
}

async function pm2(home: string, args: string[], environment?: Record<string, string>, signal?: AbortSignal): Promise<string> {
  const options = { cwd: checkout, env: pm2Environment(home, environment), maxBuffer: 64 * 1024 * 1024, signal };
  return (await run(process.execPath, [program, ...args], options)).stdout;
}

/** PM2's daemon of that home, or undefined. Asking PM2 itself would start one. */
export function findDaemon(home: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(home, 'pm2', 'pm2.pid'), 'utf8'));
    const folder = pm2Home(home);
    const place = folder.startsWith('/proc/') ? checkout : undefined; // that name is every checkout's
    return isAlive(pid) && /^PM2/.test(processName(pid) ?? 'PM2') && worksIn(pid, place, folder) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What runs in cluster mode has the daemon's variables and its Node, and takes connections by itself, not from the
 * daemon (`none`): see docs/decisions/cluster-mode.md.
 */
export async function startDaemon(home: string): Promise<void> {
  mkdirSync(join(home, 'pm2'), { recursive: true });
  const { PM2_HOME, PM2_DISABLE_VERSION_CHECK, PATH, HOME, LANG } = pm2Environment(home);
  const env = { PM2_HOME, PM2_DISABLE_VERSION_CHECK, PATH, HOME, LANG, NODE_CLUSTER_SCHED_POLICY: 'none' };
  await run(process.execPath, [program, 'ping'], { cwd: checkout, env });
}

/** What PM2 knows; nothing when its daemon does not run. */
export async function listApps(home: string): Promise<App[]> {
  if (findDaemon(home) === undefined) return [];
  const out = await pm2(home, ['jlist', '--silent']);
  const list = JSON.parse(out.slice(out.indexOf('['))) as {
    name: string;
    pid: number;
    pm2_env: { status: string; exec_mode: string; pm_uptime: number; restart_time: number; env: Record<string, string> };
  }[];
  return list.map(({ name, pid, pm2_env }) => ({
    name,
    pid,
    status: pm2_env.status,
    since: new Date(pm2_env.pm_uptime),
    restarts: pm2_env.restart_time,
    reloadable: pm2_env.exec_mode === 'cluster_mode',
    environment: pm2_env.env,
  }));
}

/** The processes of an app, from the files that PM2 keeps: much quicker than to ask it. It names them with `-` for every `_`. */
export function appPids(home: string, name: string): number[] {
  const folder = join(home, 'pm2', 'pids');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((file) => file.startsWith(`${name.replaceAll('_', '-')}-`))
    .map((file) => Number(readFileSync(join(folder, file), 'utf8')))
    .filter((pid) => pid > 0 && isAlive(pid));
}

/** Starts the app of a workspace with exactly this environment, and waits until it says that it is ready. */
export async function startApp(
  home: string,
  workspace: string,
  name: string,
  environment: Record<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  await deleteApp(home, name); // PM2 would start it again with the environment of its last start
  await pm2(home, ['start', join(checkout, workspace, 'ecosystem.config.cjs'), '--silent'], environment, signal);
}

/** Starts a process with today's code and this environment beside the one that runs, which stops when the other is ready. */
export async function reloadApp(
  home: string,
  workspace: string,
  environment: Record<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  await pm2(home, ['reload', join(checkout, workspace, 'ecosystem.config.cjs'), '--silent'], environment, signal);
}

/** As `pm2 restart`: with the environment of its last start. */
export async function restartApp(home: string, name: string): Promise<void> {
  await pm2(home, ['restart', name, '--silent']);
}

export async function deleteApp(home: string, name: string): Promise<void> {
  const known = await listApps(home);
  if (known.some((app) => app.name === name)) await pm2(home, ['delete', name, '--silent']);
}

export async function stopDaemon(home: string): Promise<void> {
  const pid = findDaemon(home);
  if (pid === undefined) return;
  await pm2(home, ['kill', '--silent']).catch(() => {});
  await endProcess(pid, 'SIGTERM', 35_000);
}

/** PM2's own view of the logs, on this terminal. Resolves with its exit status. */
export function showLogs(home: string, args: string[]): Promise<number> {
  const child = spawn(process.execPath, [program, 'logs', ...args], {
    cwd: checkout,
    // PM2 ends in a stack trace when its reader leaves: through us, it does not learn of it.
    stdio: ['inherit', process.stdout.isTTY ? 'inherit' : 'pipe', 'inherit'],
    env: pm2Environment(home),
  });
  child.stdout?.pipe(process.stdout);
  process.stdout.once('error', () => child.kill());
  return new Promise((resolve) => child.on('close', (status) => resolve(status ?? 0)));
}
