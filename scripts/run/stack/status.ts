import { hasListener, holderOfPort } from '../servers/listeners.ts';
import { type App, appPids, listApps } from '../servers/pm2/apps.ts';
import { findDaemon, pm2Home } from '../servers/pm2/daemon.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { isFrozen } from '../servers/process.ts';
import { findBroker } from '../servers/rabbitmq/node-files.ts';
import { Failure } from '../terminal/failure.mjs';
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
  /** In words, what is wrong with it and where it can be seen. */
  finding: string | undefined;
}

/** Milliseconds that PM2 has to say what it runs. */
const PM2_LIMIT = 4000;

export async function stackStatus(home: string): Promise<Part[]> {
  requireOwner(home);
  const environment = savedEnvironment(home);
  const [postgres, broker] = [findPostgres(home), findBroker(home)];
  let silence: string | undefined;
  const apps = await listApps(home, PM2_LIMIT).catch((error: Error) => {
    if (!(error instanceof Failure)) throw error;
    silence = error.message;
    return [];
  });
  const server = (name: string, port: string, found?: { pid: number; port: number; since: Date }): Part => ({
    name,
    address: found ? `127.0.0.1:${found.port}` : '',
    pid: found?.pid,
    since: found?.since,
    state: found ? stateOf(found.pid, 'running') : 'down',
    finding: found ? frozenText(name, found.pid) : otherOn(name, environment?.[port]),
  });
  const processes = (name: string, port?: string): Part[] => {
    const found = apps.filter((app) => app.name === name);
    if (found.length < 2) return [app(name, port, found[0])];
    return found.map((one) => app(`${name} ${one.instance}`, port, one));
  };
  const app = (name: string, port?: string, found?: App): Part => {
    const runs = found?.status === 'online';
    const frozen = runs ? frozenText(name, found.pid) : undefined;
    if (silence) return unknownApp(name, appPids(home, name)[0]);
    return {
      name,
      address: runs && port ? `127.0.0.1:${environment?.[port]}` : '',
      pid: runs ? found.pid : undefined,
      since: runs ? found.since : undefined,
      state: runs ? stateOf(found.pid, 'online') : (found?.status ?? 'down'),
      finding: runs || !port ? frozen : otherOn(name, environment?.[port]),
    };
  };
  return [
    ...services.flatMap(({ name, port }) => processes(name, port)),
    server('rabbitmq', 'RABBITMQ_PORT', broker),
    server('postgresql', 'MOVIES_DB_PORT', postgres),
    ...(silence
      ? [{ name: 'pm2', address: '', pid: findDaemon(home), since: undefined, state: 'silent', finding: silence }]
      : []),
  ];
}

/** What is known of a service while PM2 does not answer. */
const unknownApp = (name: string, pid: number | undefined): Part => ({
  name,
  address: '',
  pid,
  since: undefined,
  state: pid ? 'unknown' : 'down',
  finding: pid ? frozenText(name, pid) : undefined,
});

const stateOf = (pid: number, usual: string): string => (isFrozen(pid) ? 'frozen' : usual);

const frozenText = (name: string, pid: number): string | undefined =>
  isFrozen(pid) ? `${name} (process ${pid}) is stopped by a signal: kill -CONT ${pid} lets it go on.` : undefined;

const otherOn = (name: string, port?: string) =>
  port && hasListener(Number(port)) ? `${name} is down, and its port ${port} is used${holderOfPort(Number(port))}.` : undefined;

/** What `npm run env` prints, read back. */
export const environmentIn = (lines: string): Environment =>
  Object.fromEntries([...lines.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));

/** The lines of `npm run env`. */
export function environmentLines(home: string, environment: Environment): string[] {
  return Object.entries({ ...environment, PM2_HOME: pm2Home(home) }).map(([name, value]) => `${name}=${value}`);
}
