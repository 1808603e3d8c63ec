import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { endProcess, isAlive, processName, worksIn } from '../process.ts';
import { beginShort } from '../short-log.ts';

const run = promisify(execFile);

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

export const program = join(checkout, 'node_modules', 'pm2', 'bin', 'pm2');

export function pm2Environment(home: string, environment: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...environment,
    PM2_HOME: pm2Home(home),
    PM2_DISABLE_VERSION_CHECK: 'true',
    NODE_BINARY: process.execPath,
  };
}

/** Milliseconds for a command of PM2's: it may wait for the end of a service that finishes what it has in hand. */
const LIMIT = 180_000;

const noAnswer = (daemon: number | undefined): string =>
  `PM2 (process ${daemon}) does not answer. npm run status, or npm run cluster -- status, says what is missing.`;

/** Runs PM2's command, and gives what it printed. Rejects with a Failure that has the last of what it said, or with an abort of `signal`. */
export async function pm2(
  home: string,
  args: string[],
  environment?: Record<string, string>,
  signal?: AbortSignal,
): Promise<string> {
  const daemon = findDaemon(home);
  // The command would start one, without what startDaemon gives it.
  if (daemon === undefined) throw new Failure(`PM2 has ended, and ${join(home, 'pm2', 'pm2.log')} may say why. Try it again.`);
  const patience = AbortSignal.timeout(LIMIT);
  const ends = signal ? AbortSignal.any([signal, patience]) : patience;
  const options = { cwd: checkout, env: pm2Environment(home, environment), maxBuffer: 64 * 1024 * 1024, signal: ends };
  try {
    return (await run(process.execPath, [program, ...args], options)).stdout;
  } catch (error) {
    if (signal?.aborted) throw error;
    if (patience.aborted) throw new Failure(noAnswer(daemon));
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const said = stripVTControlCharacters(stdout + stderr)
      .trim()
      .split('\n')
      .at(-1);
    throw new Failure(`pm2 ${args[0]} failed${said ? `: ${said}` : ''}. ${join(home, 'pm2', 'pm2.log')} may say why.`);
  }
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
 * daemon (`none`): see docs/decisions/cluster-mode.md. `own`: variables beside these. `entry`: what its command starts with.
 */
export async function startDaemon(home: string, own: Record<string, string> = {}, entry: string[] = []): Promise<void> {
  mkdirSync(join(home, 'pm2'), { recursive: true });
  for (const log of globSync('{pm2.log,logs/*-error.log}', { cwd: join(home, 'pm2') })) beginShort(join(home, 'pm2', log));
  const { PM2_HOME, PM2_DISABLE_VERSION_CHECK, PATH, HOME, LANG } = pm2Environment(home);
  const env = { PM2_HOME, PM2_DISABLE_VERSION_CHECK, PATH, HOME, LANG, NODE_CLUSTER_SCHED_POLICY: 'none', ...own };
  const [command, ...args] = [...entry, process.execPath, program, 'ping'];
  await run(command!, args, { cwd: checkout, env, timeout: LIMIT }).catch((error: { killed?: boolean }) => {
    throw error.killed ? new Failure(noAnswer(findDaemon(home))) : error;
  });
}

export async function stopDaemon(home: string): Promise<void> {
  const pid = findDaemon(home);
  if (pid === undefined) return;
  await pm2(home, ['kill', '--silent']).catch(() => {});
  await endProcess(pid, 'SIGTERM', 35_000);
}
