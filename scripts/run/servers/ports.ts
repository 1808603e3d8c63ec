import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { hasListener } from './listeners.ts';

/** `wanted` when nothing listens there nor on the `count - 1` ports after it, else the next such port above it. */
export async function freePort(wanted: number, count = 1): Promise<number> {
  for (let port = wanted; port + count <= 65536; port += count) {
    const taken = await Promise.all(Array.from({ length: count }, (_, i) => isFree(port + i)));
    if (!taken.includes(false)) return port;
  }
  return wanted > 20_000 ? freePort(20_000, count) : anyFreePort();
}

/** Whoever asked for these may not listen yet. */
const given = new Set<number>();

/**
 * A port on which nothing listens, picked at random, and not one that the operating system would pick: it gives those to outgoing
 * connections (on Linux from 32768 on), which would have it before, or between two starts of, whoever is to listen there.
 */
export async function anyFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 20_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

/**
 * Whether a server could listen there, on loopback or on every address: one on 0.0.0.0 would hide behind one on 127.0.0.1.
 * By looking where that is possible: to try would be in the way of whoever takes the port at this moment.
 */
export async function isFree(port: number): Promise<boolean> {
  const listener = hasListener(port);
  if (listener !== undefined) return !listener;
  for (const host of ['127.0.0.1', '0.0.0.0', '::1', '::']) {
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

/** Whether a server's log says that it could not have a port: in PostgreSQL's words, in Erlang's, or in RabbitMQ's (`dist_port_already_used`). */
export const saysTaken = (log: string) => /address already in use|eaddrinuse|port_already_used/i.test(log);
