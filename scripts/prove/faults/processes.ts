import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Stops the process and everything it started. Returns how to let them go on. */
export function freeze(pid: number): () => void {
  const frozen = stopFamily(pid);
  return () => {
    for (const pid of frozen) signal(pid, 'SIGCONT');
  };
}

/** Kills the process and everything it started, frozen or not. */
export function kill(pid: number): void {
  for (const member of stopFamily(pid)) signal(member, 'SIGKILL');
}

/** Stops the process, then its children: a parent that is stopped starts no more. Gives all of them. */
function stopFamily(pid: number): number[] {
  const members = [pid];
  for (const member of members) {
    signal(member, 'SIGSTOP');
    members.push(...childrenOf(member));
  }
  return members;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function childrenOf(parent: number): number[] {
  return processes().flatMap(([pid, itsParent]) => (itsParent === parent ? pid : []));
}

/** Every process and its parent: from /proc, or from `ps` where there is none (macOS). */
function processes(): [pid: number, parent: number][] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, parent] = /^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))!;
        return [[Number(name), Number(parent)]];
      } catch {
        return []; // it ended
      }
    });
}
