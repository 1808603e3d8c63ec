import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from './log.ts';

/**
 * A listening server for every host of the list that this computer has; the others are named in the log.
 * Port 0: one that is free, the same for all. Throws the error of `listen` when there is none, or when the port is taken.
 */
export async function listenOn(port: number, hosts: string[], create: () => Server, log: Logger): Promise<Server[]> {
  const servers: Server[] = [];
  let missing: unknown;
  for (const host of hosts) {
    const server = create();
    // Beside 0.0.0.0, :: means the other family only.
    server.listen({ port, host, ipv6Only: host === '::' && hosts.includes('0.0.0.0') });
    try {
      await once(server, 'listening');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') {
        for (const other of servers) other.close();
        throw error;
      }
      missing = error;
      log.warn({ host }, 'this computer does not have that address: not listening there');
      continue;
    }
    port = (server.address() as AddressInfo).port;
    servers.push(server);
  }
  if (servers.length === 0) throw missing;
  return servers;
}
