import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../terminal/failure.mjs';
import { holderOfPort, listensOn } from '../listeners.ts';
import { freePort, isFree, saysTaken } from '../ports.ts';
import { appendedTo, endProcess, waitFor } from '../process.ts';
import { beginShort } from '../short-log.ts';
import { reasonsIn, saysDamaged } from '../start-failure.ts';
import { postgresBinaries, type Unprivileged, unprivileged } from './binaries.ts';
import { createCluster, giveAway, paths, readLock, removeStaleLock, SUPERUSER } from './cluster.ts';
import { connect, type Postgres } from './connection.ts';

const HOST = '127.0.0.1';
const USUAL = {
  listen_addresses: HOST,
  unix_socket_directories: '', // a socket's path is limited to 107 bytes, a checkout's is not
  log_checkpoints: 'off', // all that a server in order would write, and nothing bounds its log while it runs
  max_connections: 200,
  shared_buffers: '128MB',
  log_timezone: 'UTC',
  timezone: 'UTC',
};
const START_LIMIT = 60_000;
/** Ports to try, when others take them first. */
const ATTEMPTS = 10;

interface PostgresOptions {
  home: string;
  /** The first port to try. */
  port: number;
  /** No other port will do. */
  exact?: boolean;
  /** Settings of PostgreSQL's beside the usual ones. */
  settings?: Record<string, string>;
}

/** The PostgreSQL of that home: started on the first free port from `port` on, or found running. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { home, port, exact } = options;
  const running = findPostgres(home);
  if (running) {
    if (await waitFor(10_000, () => answers(running))) return running;
    throw new Failure(
      `PostgreSQL (process ${running.pid}) runs but does not answer on port ${running.port}: see ${paths(home).log}, or end it with kill -9 ${running.pid} and try again.`,
    );
  }
  const { data, log } = paths(home);
  const user = unprivileged();
  if (!existsSync(data)) createCluster(home, postgresBinaries(), user);
  giveAway(data, user.owner);
  await removeStaleLock(data);
  beginShort(log);
  // Its own bind decides who gets a port: another checkout may start at the same moment.
  for (let attempt = 1, chosen = exact ? port : await freePort(port); ; attempt++) {
    const logged = existsSync(log) ? statSync(log).size : 0;
    const { server, problem } = await launch(options, chosen, user);
    if (server) return server;
    const said = appendedTo(log, logged);
    const lost = !(await isFree(chosen)) || saysTaken(said);
    if (exact || attempt === ATTEMPTS || !lost) {
      const taken = (await isFree(chosen)) ? problem : `${problem}; its port ${chosen} is taken${holderOfPort(chosen)}`;
      throw new Failure(`PostgreSQL could not start (${taken}${reasonsIn(said, home)}): see ${log}.`);
    }
    chosen = await freePort(chosen + 1);
  }
}

async function launch(
  { home, settings = {} }: PostgresOptions,
  port: number,
  user: Unprivileged,
): Promise<{ server?: Postgres; problem?: string }> {
  const { data, log } = paths(home);
  const output = openSync(log, 'a');
  const logged = statSync(log).size;
  const configuration = { ...USUAL, port, ...settings };
  const [command, ...args] = [
    ...user.prefix,
    join(postgresBinaries(), 'postgres'),
    '-D',
    data,
    ...Object.entries(configuration).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const child = spawn(command!, args, { detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (status, signal) => {
    ended = `it ended with ${signal ?? `status ${status}`}`;
  });
  child.unref();
  const server = createHandle(home, child.pid ?? 0, port);
  const inVain = () => ended !== undefined || saysDamaged(appendedTo(log, logged));
  const up = await waitFor(START_LIMIT, async () => (await answers(server)) || inVain());
  if (up && !inVain()) return { server };
  if (ended === undefined) await server.kill();
  return { problem: ended ?? 'it does not answer' };
}

/** The PostgreSQL of that home when its process runs, whether it answers or not. */
export function findPostgres(home: string): (Postgres & { since: Date }) | undefined {
  const lines = readLock(paths(home).data);
  if (!lines) return undefined;
  return { ...createHandle(home, lines.pid, lines.port), since: lines.since };
}

/** Whether it is this server that answers: another may have the port, and a copy of these data the password. */
async function answers(server: Postgres): Promise<boolean> {
  if (listensOn(server.pid, server.port) === false) return false;
  try {
    const client = await connect(server);
    await client.end();
    return true;
  } catch {
    return false;
  }
}

function createHandle(home: string, pid: number, port: number): Postgres {
  return {
    pid,
    host: HOST,
    port,
    superuser: SUPERUSER,
    password: readFileSync(paths(home).password, 'utf8'),
    stop: () => endProcess(pid, 'SIGINT', 30_000), // "fast" shutdown
    kill: () => endProcess(pid, 'SIGKILL', 0),
  };
}
