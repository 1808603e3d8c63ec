import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks a second in /proc (USER_HZ): 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of processor time, in the program itself and in the kernel for it. */
export interface CpuTimes {
  user: number;
  system: number;
}

/** What the process and its children have used. */
export function cpuTimes(pid: number): CpuTimes {
  if (process.platform !== 'linux') return cpuTimesOfPs(pid);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [utime, stime] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map((ticks) => Number(ticks) / TICKS);
  return childrenOf(pid)
    .map(cpuTimes)
    .reduce((sum, { user, system }) => ({ user: sum.user + user, system: sum.system + system }), {
      user: utime!,
      system: stime!,
    });
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** macOS: `ps` tells hundredths of seconds, of the process itself. */
function cpuTimesOfPs(pid: number): CpuTimes {
  const [total, user] = execFileSync('ps', ['-o', 'time=,utime=', '-p', String(pid)], { encoding: 'utf8' })
    .trim()
    .split(/\s+/)
    .map((time) => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0));
  return { user: user!, system: total! - user! };
}

/** Bytes of memory that the process holds now, and the most since `resetPeak` (where the system keeps that: Linux). */
export function memory(pid: number): { now: number; peak: number } {
  if (process.platform !== 'linux') {
    const now = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
    return { now, peak: now };
  }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}

export function resetPeak(pid: number): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export const MB = 1024 * 1024;

export const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(0)} MB`;
