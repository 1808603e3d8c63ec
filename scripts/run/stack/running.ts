import { type App, isOnline, listApps } from '../servers/pm2/apps.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { findBroker } from '../servers/rabbitmq/node-files.ts';
import { services } from './services.ts';

/** What of a stack runs before it is started. */
export interface Running {
  postgres: ReturnType<typeof findPostgres>;
  broker: ReturnType<typeof findBroker>;
  /** All that PM2 knows: the processes of each app, by its name. */
  apps: Map<string, App[]>;
}

export const findRunning = async (home: string): Promise<Running> => ({
  apps: Map.groupBy(await listApps(home), ({ name }) => name),
  postgres: findPostgres(home),
  broker: findBroker(home),
});

/** Whether a process of it runs. */
export const isUp = ({ apps }: Running, name: string): boolean => apps.get(name)?.some(isOnline) ?? false;

/** Whether any part runs, so that a start joins it. */
export const runsAny = (running: Running): boolean =>
  running.postgres !== undefined || running.broker !== undefined || services.some(({ name }) => isUp(running, name));
