import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { Failure } from '../../terminal/failure.mjs';
import { holderOfPort, listensOn } from '../listeners.ts';
import { freePort, isFree, saysTaken } from '../ports.ts';
import { appendedTo, endProcess, isAlive, processName, waitFor, worksIn } from '../process.ts';
import { postgresBinaries, type Unprivileged, unprivileged } from './binaries.ts';
import { adoptTables, createOwnedDatabase } from './create-database.ts';

export interface Postgres {
  pid: number;
  host: string;
  port: number;
  superuser: string;
  password: string;
  /** Ends sessions, writes everything out, leaves nothing to recover. */
  stop(): Promise<void>;
  /** As a crash would. */
  kill(): Promise<void>;
}

const HOST = '127.0.0.1';
const SUPERUSER = 'postgres';
/** macOS has no C.UTF-8. */
const CTYPE = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';
const START_LIMIT = 60_000;
/** Ports to try, when others take them first. */
const ATTEMPTS = 10;

const paths = (home: string) => ({
  folder: join(home, 'postgres'),
  data: join(home, 'postgres', 'data'),
  password: join(home, 'postgres', 'superuser-password'),
  log: join(home, 'postgres', 'postgres.log'),
});

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
  // Its own bind decides who gets a port: another checkout may start at the same moment.
  for (let attempt = 1, chosen = exact ? port : await freePort(port); ; attempt++) {
    const logged = existsSync(log) ? statSync(log).size : 0;
    const { server, problem } = await launch(options, chosen, user);
    if (server) return server;
    const lost = !(await isFree(chosen)) || saysTaken(appendedTo(log, logged));
    if (exact || attempt === ATTEMPTS || !lost) {
      const taken = (await isFree(chosen)) ? problem : `${problem}; its port ${chosen} is taken${holderOfPort(chosen)}`;
      throw new Failure(`PostgreSQL could not start (${taken}): see ${log}.`);
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
  const configuration = {
    port,
    listen_addresses: HOST,
    unix_socket_directories: '', // a socket's path is limited to 107 bytes, a checkout's is not
    max_connections: 200,
    shared_buffers: '128MB',
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...settings,
  };
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
  const up = await waitFor(START_LIMIT, async () => ended !== undefined || (await answers(server)));
  if (up && ended === undefined) return { server };
  if (ended === undefined) await server.kill();
  return { problem: ended ?? 'it does not answer' };
}

/** The PostgreSQL of that home when its process runs, whether it answers or not. */
export function findPostgres(home: string): (Postgres & { since: Date }) | undefined {
  const lines = readLock(paths(home).data);
  if (!lines) return undefined;
  return { ...createHandle(home, lines.pid, lines.port), since: lines.since };
}

interface OwnedDatabase {
  role: string;
  password: string;
  database: string;
}

/** Makes the roles and the databases that they own, or brings them up to date: what a former role owned becomes the new one's. */
export async function ensureDatabases(server: Postgres, wanted: OwnedDatabase[]): Promise<void> {
  const create = async () => {
    for (const one of wanted) await using(server, 'postgres', (client) => createOwnedDatabase(client, { ...one, ctype: CTYPE }));
  };
  await create();
  let moved = false;
  for (const one of wanted) if (await using(server, one.database, (client) => adoptTables(client, one))) moved = true;
  if (moved) await create(); // whose owner was the former role, the other database changed hands too
}

async function using<T>(server: Postgres, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(server, database);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A superuser's connection. */
export async function connect(server: Postgres, database = 'postgres'): Promise<pg.Client> {
  const { host, port, superuser: user, password } = server;
  const client = new pg.Client({ host, port, user, password, database, connectionTimeoutMillis: 2000, query_timeout: 60_000 });
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  return client;
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

function createCluster(home: string, binaries: string, user: Unprivileged): void {
  const { folder, data, password } = paths(home);
  mkdirSync(folder, { recursive: true });
  writeFileSync(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const half = `${data}.new`; // renamed at the end, so that an interrupted run leaves no half-made cluster
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  giveAway(half, user.owner);
  const [command, ...args] = [
    ...user.prefix,
    join(binaries, 'initdb'),
    `--pgdata=${half}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  try {
    execFileSync(command!, args, { stdio: 'pipe' });
  } catch (error) {
    throw new Failure(`PostgreSQL's data directory could not be made: ${lastLine((error as { stderr?: Buffer }).stderr)}`);
  }
  renameSync(half, data);
}

const lastLine = (text?: Buffer) => text?.toString().trim().split('\n').at(-1) ?? 'initdb did not run.';

function giveAway(path: string, owner: number): void {
  const now = lstatSync(path).uid;
  if (now === owner) return;
  if (process.getuid!() !== 0) {
    throw new Failure(
      `${path} belongs to another user (number ${now}), who has run this here before: run it as that user, or as root.`,
    );
  }
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), owner, owner);
  }
  chownSync(path, owner, owner);
}

/** postmaster.pid: process, data directory, start time, port. Undefined when its process is gone. */
function readLock(data: string): { pid: number; port: number; since: Date } | undefined {
  let lines: string[];
  try {
    lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const [pid, since, port] = [Number(lines[0]), new Date(Number(lines[2]) * 1000), Number(lines[3])];
  if (!pid || !port || !isAlive(pid) || (processName(pid) ?? 'postgres') !== 'postgres' || !worksIn(pid, data)) return undefined;
  return { pid, port, since };
}

/**
 * After a crash and a reboot its process number may be someone else's; PostgreSQL would then refuse to start. Without the file it
 * does not look for sessions that outlived a killed server either: two servers writing would destroy the data.
 */
async function removeStaleLock(data: string): Promise<void> {
  if (readLock(data)) return;
  const survivors = processesIn(data);
  await Promise.all(survivors.map((pid) => endProcess(pid, 'SIGKILL', 5000)));
  rmSync(join(data, 'postmaster.pid'), { force: true });
}

/** PostgreSQL's processes have its data as their working directory. Where the system does not tell, there are none. */
function processesIn(data: string): number[] {
  if (!existsSync('/proc')) return [];
  const folder = realpathSync(data);
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`) === folder && processName(pid) === 'postgres';
      } catch {
        return false; // it ended, or is another user's
      }
    });
}
