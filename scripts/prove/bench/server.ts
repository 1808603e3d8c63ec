import { anyFreePort } from '../../run/servers/ports.ts';
import { type Role, type Running, untilReady } from './contender.ts';

/** Something that answers over HTTP, in a process of its own. */
export interface Server {
  name: string;
  role: Role;
  start(port: string): Running;
}

export interface RunningServer {
  name: string;
  role: Role;
  port: number;
  running: Running;
}

/** Starts the servers, each on a free port, waits until all are ready, does the work, and stops them. */
export async function withServers<T>(
  servers: Server[],
  isReady: (port: number) => Promise<boolean>,
  work: (running: RunningServer[]) => Promise<T>,
): Promise<T> {
  const started: RunningServer[] = [];
  try {
    for (const { name, role, start } of servers) {
      const port = await anyFreePort();
      const running = start(String(port));
      started.push({ name, role, port, running });
      await untilReady(name, running, () => isReady(port));
    }
    return await work(started);
  } finally {
    await Promise.all(started.map(({ running }) => running.stop()));
  }
}
