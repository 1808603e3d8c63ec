import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process by its number and its start: the system gives the number of an ended one to another program. */
export const identify = (pid) => ({ pid, started: startOf(pid) });

/** Whether just that process still runs. */
export function isRunning({ pid, started }) {
  const now = startOf(pid);
  return now === undefined ? isHidden(pid) : now === started;
}

/** When the process started, in the system's own words; undefined when it is gone (a zombie is, too). */
function startOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    return process.platform === 'linux' ? readStat(pid) : askPs(pid);
  } catch {
    return undefined;
  }
}

/** After the name in parentheses, the state is field 3 and the start time, in ticks since the boot, field 22 (proc_pid_stat(5)). */
function readStat(pid) {
  const [, rest] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const fields = rest.split(' ');
  return isGone(fields[0]) ? undefined : fields[19];
}

function askPs(pid) {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8', env, stdio: 'pipe' });
  const [state, ...start] = line.trim().split(/\s+/);
  return isGone(state) ? undefined : start.join(' ');
}

const isGone = (state) => /^[ZX]/.test(state);

/** It runs, as another user whose processes this one may not look at (/proc mounted with hidepid). */
function isHidden(pid) {
  try {
    if (Number.isInteger(pid) && pid > 0) process.kill(pid, 0);
    return false; // a zombie, or of this user and yet unreadable: gone
  } catch (error) {
    return error.code === 'EPERM';
  }
}
