import { hasListener, holderOfPort } from '../servers/listeners.ts';
import { type App, listApps } from '../servers/pm2/apps.ts';
import { pm2Home } from '../servers/pm2/daemon.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { findBroker } from '../servers/rabbitmq/node-files.ts';
import { type Environment, savedEnvironment } from './environment.ts';
import { requireOwner } from './home.ts';
import { services } from './services.ts';

interface Part {
  name: string;
  address: string;
  /** Undefined when it does not run. */
  pid: number | undefined;
  since: Date | undefined;
  state: string;
  /** What has its place, when it does not run. */
  finding: string | undefined;
}

export async function stackStatus(home: string): Promise<Part[]> {
  requireOwner(home);
  const environment = savedEnvironment(home);
  const [postgres, broker, apps] = [findPostgres(home), findBroker(home), await listApps(home)];
  const server = (name: string, port: string, found?: { pid: number; port: number; since: Date }): Part => ({
    name,
    address: found ? `127.0.0.1:${found.port}` : '',
    pid: found?.pid,
    since: found?.since,
    state: found ? 'running' : 'down',
    finding: found ? undefined : otherOn(environment?.[port]),
  });
  const processes = (name: string, port?: string): Part[] => {
    const found = apps.filter((app) => app.name === name);
    if (found.length < 2) return [app(name, port, found[0])];
    return found.map((one) => app(`${name} ${one.instance}`, port, one));
  };
  const app = (name: string, port?: string, found?: App): Part => {
    const runs = found?.status === 'online';
    return {
      name,
      address: runs && port ? `127.0.0.1:${environment?.[port]}` : '',
      pid: runs ? found.pid : undefined,
      since: runs ? found.since : undefined,
      state: found?.status ?? 'down',
      finding: runs || !port ? undefined : otherOn(environment?.[port]),
    };
  };
  return [
    ...services.flatMap(({ name, port }) => processes(name, port)),
    server('rabbitmq', 'RABBITMQ_PORT', broker),
    server('postgresql', 'MOVIES_DB_PORT', postgres),
  ];
}

const otherOn = (port?: string) =>
  port && hasListener(Number(port)) ? `its port ${port} is used${holderOfPort(Number(port))}` : undefined;

/** What `npm run env` prints, read back. */
export const environmentIn = (lines: string): Environment =>
  Object.fromEntries([...lines.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));

/** The lines of `npm run env`. */
export function environmentLines(home: string, environment: Environment): string[] {
  return Object.entries({ ...environment, PM2_HOME: pm2Home(home) }).map(([name, value]) => `${name}=${value}`);
}
