import { type App, listApps } from '../servers/pm2/apps.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { findBroker } from '../servers/rabbitmq/node-files.ts';
import { services } from './services.ts';

/** What of a stack runs before it is started. */
export interface Running {
  postgres: ReturnType<typeof findPostgres>;
  broker: ReturnType<typeof findBroker>;
  /** All that PM2 knows, by name. */
  apps: Map<string, App>;
}

export const findRunning = async (home: string): Promise<Running> => ({
  apps: new Map((await listApps(home)).map((app) => [app.name, app])),
  postgres: findPostgres(home),
  broker: findBroker(home),
});

export const isUp = ({ apps }: Running, name: string): boolean => apps.get(name)?.status === 'online';

/** Whether any part runs, so that a start joins it. */
export const runsAny = (running: Running): boolean =>
  running.postgres !== undefined || running.broker !== undefined || services.some(({ name }) => isUp(running, name));
