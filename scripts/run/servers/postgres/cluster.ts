import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../terminal/failure.mjs';
import { endProcess, isAlive, processName, worksIn } from '../process.ts';
import type { Unprivileged } from './binaries.ts';

export const SUPERUSER = 'postgres';

/** Where the cluster of a home has its files. */
export const paths = (home: string) => ({
  folder: join(home, 'postgres'),
  data: join(home, 'postgres', 'data'),
  password: join(home, 'postgres', 'superuser-password'),
  log: join(home, 'postgres', 'postgres.log'),
});

/** Makes the data directory of that home, with a password of its own for the superuser. */
export function createCluster(home: string, binaries: string, user: Unprivileged): void {
  const { folder, data, password } = paths(home);
  mkdirSync(folder, { recursive: true });
  writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const half = `${data}.new`; // renamed at the end, so that an interrupted run leaves no half-made cluster
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  giveAway(half, user.owner);
  const [command, ...args] = [
    ...user.prefix,
    join(binaries, 'initdb'),
    `--pgdata=${half}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  try {
    execFileSync(command!, args, { stdio: 'pipe' });
  } catch (error) {
    throw new Failure(`PostgreSQL's data directory could not be made: ${lastLine((error as { stderr?: Buffer }).stderr)}`);
  }
  renameSync(half, data);
}

const lastLine = (text?: Buffer) => text?.toString().trim().split('\n').at(-1) ?? 'initdb did not run.';

/** Makes the files that owner's: PostgreSQL refuses to run as root. */
export function giveAway(path: string, owner: number): void {
  const now = lstatSync(path).uid;
  if (now === owner) return;
  if (process.getuid!() !== 0) {
    throw new Failure(
      `${path} belongs to another user (number ${now}), who has run this here before: run it as that user, or as root.`,
    );
  }
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), owner, owner);
  }
  chownSync(path, owner, owner);
}

/** postmaster.pid: process, data directory, start time, port. Undefined when its process is gone. */
export function readLock(data: string): { pid: number; port: number; since: Date } | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const [pid, since, port] = [Number(lines[0]), new Date(Number(lines[2]) * 1000), Number(lines[3])];
  if (!pid || !port || !isAlive(pid) || (processName(pid) ?? 'postgres') !== 'postgres' || !worksIn(pid, data)) return undefined;
  return { pid, port, since };
}

/**
 * After a crash and a reboot its process number may be someone else's; PostgreSQL would then refuse to start. Without the file it
 * does not look for sessions that outlived a killed server either: two servers writing would destroy the data.
 */
export async function removeStaleLock(data: string): Promise<void> {
  if (readLock(data)) return;
  const survivors = processesIn(data);
  await Promise.all(survivors.map((pid) => endProcess(pid, 'SIGKILL', 5000)));
  rmSync(join(data, 'postmaster.pid'), { force: true });
}

/** PostgreSQL's processes have its data as their working directory. Where the system does not tell, there are none. */
function processesIn(data: string): number[] {
  if (!existsSync('/proc')) return [];
  const folder = realpathSync(data);
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`) === folder && processName(pid) === 'postgres';
      } catch {
        return false; // it ended, or is another user's
      }
    });
}
