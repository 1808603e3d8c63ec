import { holderOfPort } from '../servers/listeners.ts';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { isFree } from '../servers/ports.ts';
import type { Environment } from '../stack/environment.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Cluster } from './layout.ts';
import { portWritten } from './node-files.ts';

/** Of the clients' address: that of what runs, as long as it runs; else that of `npm start` and a thousand more. Rejects with a Failure when it is taken. */
export async function portFor({ home }: Cluster, environment: Environment): Promise<number> {
  const running = findDaemon(home) && portWritten(home);
  if (running) return running;
  const port = Number(environment.API_GATEWAY_PORT) + 1000;
  if (port <= 65_535 && (await isFree(port))) return port;
  throw new Failure(
    `The clients' address would be port ${port}, API_GATEWAY_PORT and a thousand more, which ${port > 65_535 ? 'is none' : `is taken${holderOfPort(port)}`}. Choose another one: API_GATEWAY_PORT=3100 npm run cluster -- start`,
  );
}
