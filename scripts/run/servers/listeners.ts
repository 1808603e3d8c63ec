import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Whether that process listens on that port. Undefined where the system does not tell. */
export function listensOn(pid: number, port: number): boolean | undefined {
  try {
    return process.platform === 'linux' ? sockets(port).some((socket) => holds(pid, socket)) : lsof(pid, port);
  } catch {
    return undefined;
  }
}

/** Whether anything listens on that port, on whatever address. Undefined where the system does not tell. */
export function hasListener(port: number): boolean | undefined {
  try {
    return process.platform === 'linux' ? sockets(port).length > 0 : undefined;
  } catch {
    return undefined;
  }
}

/** What listens on a port, as ` by node (process 123)`, or nothing when that cannot be found out. */
export function holderOfPort(port: number): string {
  try {
    const found = process.platform === 'linux' ? lookInProc(port) : lookWithLsof(port);
    return found ? ` by ${found.name} (process ${found.pid})` : '';
  } catch {
    return ''; // lsof is not installed, or finds nothing
  }
}

/** The inodes of the sockets that listen on a port (proc_pid_net(5)). */
function sockets(port: number): string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].flatMap((family) => {
    const lines = readFileSync(`/proc/self/net/${family}`, 'utf8').trim().split('\n').slice(1);
    const columns = lines.map((line) => line.trim().split(/\s+/));
    return columns.filter(([, address, , state]) => address!.endsWith(local) && state === '0A').map((column) => column[9]!);
  });
}

function holds(pid: number | string, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((file) => {
    try {
      return readlinkSync(`${folder}/${file}`) === `socket:[${inode}]`;
    } catch {
      return false; // closed in the meantime
    }
  });
}

function lookInProc(port: number) {
  const inodes = sockets(port);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (inodes.some((inode) => holds(pid, inode))) return { pid, name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
    } catch {
      // another user's, or it ended
    }
  }
  return undefined;
}

const look = (...args: string[]) =>
  execFileSync('lsof', ['-nP', '-sTCP:LISTEN', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

function lookWithLsof(port: number) {
  const out = look(`-iTCP:${port}`, '-Fpc');
  const [pid, name] = [/^p(\d+)$/m.exec(out)?.[1], /^c(.+)$/m.exec(out)?.[1]];
  return pid && { name, pid };
}

const lsof = (pid: number, port: number) => look('-a', '-p', String(pid), `-iTCP:${port}`, '-Fp').includes(`p${pid}`);
