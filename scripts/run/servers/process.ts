import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A zombie counts as gone: where nothing reaps orphans (a container without an init), it would stay for ever. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return procStat(pid)?.state !== 'Z';
}

/** Whether a signal has stopped the process (`kill -STOP`, Ctrl-Z, a debugger): it is there and does nothing. False where the system does not tell. */
export const isFrozen = (pid: number): boolean => /^[Tt]$/.test(procStat(pid)?.state ?? '');

/** The name of a running process, where the system tells (Linux). Guards against pid files that outlived their process. */
export function processName(pid: number): string | undefined {
  return procStat(pid)?.name;
}

/**
 * Whether a process works in that folder and, where `sign` is given, has it in its environment or command line. True where the
 * system does not tell. Guards against pid files of another checkout, in a copy of it.
 */
export function worksIn(pid: number, folder: string | undefined, sign?: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    if (folder && readlinkSync(`/proc/${pid}/cwd`) !== realpathSync(folder)) return false;
    return !sign || ['environ', 'cmdline'].some((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(sign));
  } catch {
    return false; // it ended, or is another user's
  }
}

function procStat(pid: number): { name: string; state: string } | undefined {
  try {
    const [, name, state] = /^\d+ \((.*)\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
    return { name: name!, state: state! };
  } catch {
    return undefined;
  }
}

/** What a file got since it had `from` bytes; all of a shorter one, which is new. */
export function appendedTo(file: string, from: number): string {
  if (!existsSync(file)) return '';
  const text = readFileSync(file);
  return text.subarray(text.length < from ? 0 : from).toString();
}

/** Polls, every `pause` milliseconds, until the check gives something. Undefined when it did not within `limit` milliseconds. */
export async function waitFor<T>(
  limit: number,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  pause = 100,
): Promise<T | undefined> {
  const end = Date.now() + limit;
  for (;;) {
    const result = await check();
    if (result) return result;
    if (Date.now() >= end) return undefined;
    await sleep(pause);
  }
}

/** Asks the process to stop with `signal`; after `limit` milliseconds it is killed. */
export async function endProcess(pid: number, signal: NodeJS.Signals, limit: number): Promise<void> {
  if (!isAlive(pid)) return;
  signalProcess(pid, signal);
  if (await waitFor(limit, () => !isAlive(pid))) return;
  signalProcess(pid, 'SIGKILL');
  await waitFor(5000, () => !isAlive(pid));
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
