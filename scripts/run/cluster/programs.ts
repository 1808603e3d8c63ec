import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isOnline, listApps } from '../servers/pm2/apps.ts';
import { pm2, startDaemon } from '../servers/pm2/daemon.ts';
import { MARK } from './processes.ts';

/** A program that PM2 keeps running on a node. */
export interface Program {
  name: string;
  script: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

/** Starts those of that home that are down. `entry`: to the network that all of it is on, because PM2's daemon is. */
export async function startPrograms(home: string, programs: Program[], entry: string[] = []): Promise<void> {
  mkdirSync(join(home, 'pm2'), { recursive: true, mode: 0o700 });
  await startDaemon(home, { [MARK]: home, PM2_KILL_SIGNAL: 'SIGTERM' }, entry); // PM2's own is SIGINT, which Erlang takes for a question
  const online = new Set((await listApps(home)).filter(isOnline).map(({ name }) => name));
  const down = programs.filter(({ name }) => !online.has(name));
  if (down.length === 0) return;
  const file = join(home, 'servers.json');
  writeFileSync(file, JSON.stringify({ apps: down.map(supervised) }), { mode: 0o600 });
  await pm2(home, ['start', file, '--silent']);
}

/**
 * As systemd keeps it in the machines, with nothing to read there. PM2's own is a socket on which nobody ever writes: a session of
 * PostgreSQL whose commit waits for a standby when its postmaster is killed reads its next statement there, lives on, and with it the
 * memory that the next postmaster finds in use (seen).
 */
const supervised = ({ script, args, ...program }: Program) => ({
  ...program,
  script: '/bin/sh',
  args: ['-c', 'exec "$0" "$@" </dev/null', script, ...args],
  interpreter: 'none',
  exp_backoff_restart_delay: 200, // milliseconds
  kill_timeout: 30_000,
});
