import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { isAlive } from '../process.ts';
import { findDaemon, pm2 } from './daemon.ts';

export interface App {
  /** Of the process, in PM2's commands. */
  id: number;
  name: string;
  /** The number that PM2 gave to this one of the app's processes, from 0. */
  instance: number;
  status: string;
  pid: number;
  since: Date;
  restarts: number;
  /** Whether PM2 can start its successor beside it. */
  reloadable: boolean;
  /** That of its start. */
  environment: Record<string, string>;
}

/** Milliseconds that PM2 has for its list. It needs a second on a busy computer. */
const LIST_LIMIT = 10_000;

/**
 * What PM2 knows, an entry for each process; nothing when its daemon does not run. Rejects with a Failure when that does not answer
 * within `limit` milliseconds.
 */
export async function listApps(home: string, limit = LIST_LIMIT): Promise<App[]> {
  const daemon = findDaemon(home);
  if (daemon === undefined) return [];
  const patience = AbortSignal.timeout(limit);
  const out = await pm2(home, ['jlist', '--silent'], {}, patience).catch((error: Error) => {
    throw patience.aborted ? new Failure(unanswered(daemon)) : error;
  });
  const list = JSON.parse(out.slice(out.indexOf('['))) as {
    pm_id: number;
    name: string;
    pid: number;
    pm2_env: {
      status: string;
      exec_mode: string;
      pm_uptime: number;
      NODE_APP_INSTANCE?: number;
      restart_time: number;
      env: Record<string, string>;
    };
  }[];
  return list.map(({ pm_id, name, pid, pm2_env }) => ({
    id: pm_id,
    name,
    pid,
    instance: pm2_env.NODE_APP_INSTANCE ?? 0,
    status: pm2_env.status,
    since: new Date(pm2_env.pm_uptime),
    restarts: pm2_env.restart_time,
    reloadable: pm2_env.exec_mode === 'cluster_mode',
    environment: pm2_env.env,
  }));
}

/** What to say of a daemon that does not answer. Its services notice its end, and finish what they have in hand (plumbing/lifecycle.ts). */
const unanswered = (daemon: number): string =>
  `PM2 (process ${daemon}) does not answer. End it with kill -9 ${daemon}: its services then stop by themselves and lose nothing, and npm start brings all of it back.`;

/** What an app says, and what Node and PM2 say of it. PM2 names the files with `-` for every `_`. */
export const appLogs = (home: string, name: string): [out: string, error: string] => {
  const path = (kind: string) => join(home, 'pm2', 'logs', `${name.replaceAll('_', '-')}-${kind}.log`);
  return [path('out'), path('error')];
};

/** The processes of an app, from the files that PM2 keeps: much quicker than to ask it. It names them with `-` for every `_`. */
export function appPids(home: string, name: string): number[] {
  const folder = join(home, 'pm2', 'pids');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((file) => file.startsWith(`${name.replaceAll('_', '-')}-`))
    .map((file) => Number(readFileSync(join(folder, file), 'utf8')))
    .filter((pid) => pid > 0 && isAlive(pid));
}

/**
 * Starts the app of a workspace with this environment, and waits until it says that it is ready. PM2 must not know it yet: it would
 * start it with the environment of its last start.
 */
export async function startApp(
  home: string,
  workspace: string,
  environment: Record<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  await pm2(home, ['start', join(checkout, workspace, 'ecosystem.config.cjs'), '--silent'], environment, signal);
}

/**
 * Starts a process with today's code and this environment beside each one that runs, which stops when the other is ready; then
 * sees to it that there are so many `instances`.
 */
export async function reloadApp(
  home: string,
  { workspace, name, instances }: { workspace: string; name: string; instances: number },
  environment: Record<string, string>,
  signal?: AbortSignal,
): Promise<void> {
  await pm2(home, ['reload', join(checkout, workspace, 'ecosystem.config.cjs'), '--silent'], environment, signal).catch(
    (error) => {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(
        `${error.message} After a start that failed PM2 needs a minute to end the old ${name}: npm start again then, or npm stop and npm start now.`,
      );
    },
  );
  await completeApp(home, name, instances, signal);
}

/** Starts what is stopped of an app's processes, as it was last started, and adds or ends some, until there are so many `instances`. */
export async function completeApp(home: string, name: string, instances: number, signal?: AbortSignal): Promise<void> {
  const processes = (await listApps(home)).filter((app) => app.name === name);
  for (const { id } of processes.filter(isDown)) await pm2(home, ['start', String(id), '--silent'], {}, signal);
  if (processes.length !== instances) await pm2(home, ['scale', name, String(instances), '--silent'], {}, signal);
}

export const isOnline = ({ status }: App): boolean => status === 'online';

/** Whether somebody has to start it: PM2 does not. */
export const isDown = ({ status }: App): boolean => status === 'stopped' || status === 'errored';

/** As `pm2 restart`: with the environment of its last start. */
export async function restartApp(home: string, name: string): Promise<void> {
  await pm2(home, ['restart', name, '--silent']);
}

export async function deleteApp(home: string, name: string): Promise<void> {
  const known = await listApps(home);
  if (known.some((app) => app.name === name)) await pm2(home, ['delete', name, '--silent']);
}
