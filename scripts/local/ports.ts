import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { type AddressInfo, createServer, type Server } from 'node:net';

/** `wanted` when nothing listens there, else the next free port of 127.0.0.1 above it. */
export async function freePort(wanted: number, avoid: Iterable<number> = []): Promise<number> {
  const avoided = new Set(avoid);
  for (let port = wanted; port < wanted + 1000 && port < 65536; port++) {
    if (!avoided.has(port) && (await isFree(port))) return port;
  }
  return anyFreePort();
}

/** A port that the operating system picks. */
export async function anyFreePort(): Promise<number> {
  const server = await listen(0, '127.0.0.1');
  if (typeof server === 'string') throw new Error('No port of 127.0.0.1 is free.');
  const { port } = server.address() as AddressInfo;
  await close(server);
  return port;
}

/** Whether a server could listen there, on loopback or on every address: one on 0.0.0.0 would hide behind one on 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    const server = await listen(port, host);
    if (server === 'taken') return false;
    if (server !== 'unavailable') await close(server);
  }
  return true;
}

function listen(port: number, host: string): Promise<Server | 'taken' | 'unavailable'> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' ? 'unavailable' : 'taken');
    });
    server.listen({ port, host, exclusive: true, ipv6Only: host === '::' }, () => resolve(server));
  });
}

const close = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

/** What listens on a port, as ` by node (process 123)`, or nothing when that cannot be found out. */
export function holderOfPort(port: number): string {
  for (const look of [lookWithSs, lookWithLsof]) {
    try {
      const found = look(port);
      if (found) return ` by ${found.name} (process ${found.pid})`;
    } catch {
      // the tool is not installed, or finds nothing
    }
  }
  return '';
}

const quiet: ExecFileSyncOptionsWithStringEncoding = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };

function lookWithSs(port: number) {
  const out = execFileSync('ss', ['-Hltnp', `sport = :${port}`], quiet);
  const match = /\("([^"]+)",pid=(\d+)/.exec(out);
  return match && { name: match[1], pid: match[2] };
}

function lookWithLsof(port: number) {
  const out = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], quiet);
  const [pid, name] = [/^p(\d+)$/m.exec(out)?.[1], /^c(.+)$/m.exec(out)?.[1]];
  return pid && { name, pid };
}
