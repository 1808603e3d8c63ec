import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { holderOfPort, listensOn } from '../listeners.ts';
import { freePort, isFree, saysTaken } from '../ports.ts';
import { appendedTo, endProcess, isAlive, processName, waitFor, worksIn } from '../process.ts';
import { renderDefinitions } from './definitions.ts';
import { findRabbitmq, pathFromCheckout, type RabbitmqInstallation } from './installation.ts';
import { connectOperator } from './operator.ts';

const run = promisify(execFile);

export interface Broker {
  pid: number;
  host: string;
  port: number;
  vhost: string;
  /** Closes connections and leaves durable messages on disk. */
  stop(): Promise<void>;
  /** As a crash would. */
  kill(): Promise<void>;
  /** `rabbitmqctl` against this broker. Gives what it printed. */
  control(...args: string[]): Promise<string>;
  /** Brings users, vhost, permissions, queues and policies to what that environment names. */
  importDefinitions(environment: Environment): Promise<void>;
}

type Environment = Record<string, string | undefined>;

const HOST = '127.0.0.1';
const START_LIMIT = 120_000;
const MAPPER_LIMIT = 10_000;
const STOP_LIMIT = 60_000;
/** Ports to try, when others take them first. */
const ATTEMPTS = 10;

/** What a running broker was started with, kept for the commands that come later. */
interface BrokerRecord {
  pid: number;
  since: string;
  port: number;
  distributionPort: number;
  epmdPort: number;
  epmdPid: number;
  /** A digest of the names and passwords that were imported. */
  definitions: string;
}

const paths = (home: string) => {
  const folder = join(home, 'rabbitmq');
  return {
    folder,
    record: join(folder, 'broker.json'),
    config: join(folder, 'rabbitmq.conf'),
    plugins: join(folder, 'enabled_plugins'),
    definitions: join(folder, 'definitions.json'),
    data: join(folder, 'data'),
    logs: join(folder, 'logs'),
    output: join(folder, 'rabbitmq.log'),
  };
};

interface BrokerOptions {
  home: string;
  /** The first port to try. */
  port: number;
  /** No other port will do. */
  exact?: boolean;
  /** Names and passwords, as in `.env`. */
  environment: Environment;
  onProgress?: (what: string) => void;
}

/** The RabbitMQ of that home: started on the first free port from `port` on, or found running. Its users, queues and policies are as in the environment. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { home, port, exact, environment, onProgress } = options;
  const installation = await findRabbitmq(onProgress);
  const { output } = paths(home);
  const running = readRecord(home);
  if (running && isBroker(running.pid, home)) return joinRunning(running, options, installation);

  // Its own bind decides who gets a port: another checkout may start at the same moment.
  for (let attempt = 1, first = port; ; attempt++) {
    await stopBroker(home); // what a crashed one, or the last attempt, left
    const addresses = await choosePorts(first, exact);
    writeFiles(home, addresses.port, environment);
    const logged = existsSync(output) ? statSync(output).size : 0;
    const { record, problem } = await launch(home, addresses, environment, installation);
    if (record) return createHandle(home, record, environment, installation);
    await stopBroker(home);
    const taken = (await Promise.all(Object.values(addresses).map(async (one) => ((await isFree(one)) ? [] : [one])))).flat();
    const lost = taken.length > 0 || saysTaken(appendedTo(output, logged));
    if (!lost || attempt === ATTEMPTS || (exact && taken.includes(port))) {
      const holders = taken.map((one) => `; its port ${one} is taken${holderOfPort(one)}`).join('');
      throw new Failure(`RabbitMQ could not start (${problem}${holders}): see ${output}.`);
    }
    if (!exact) first = addresses.port + 3;
  }
}

type Addresses = Pick<BrokerRecord, 'port' | 'distributionPort' | 'epmdPort'>;

/** The port mapper has its port at once, the broker its two seconds later: who has the first has all three. */
async function choosePorts(first: number, exact = false): Promise<Addresses> {
  const port = exact ? first : await freePort(first, 3);
  const distributionPort = exact ? await freePort(port + 1, 2) : port + 1;
  return { port, distributionPort, epmdPort: distributionPort + 1 };
}

function writeFiles(home: string, port: number, environment: Environment): void {
  const { folder, data, logs, config, plugins, definitions } = paths(home);
  for (const path of [data, logs]) mkdirSync(path, { recursive: true });
  rmSync(join(folder, '.erlang.cookie'), { force: true }); // Erlang makes a new one: a copy of this folder has the old
  writeFileSync(definitions, renderDefinitions(environment), { mode: 0o600 });
  writeFileSync(plugins, '[].\n');
  writeFileSync(
    config,
    [
      `listeners.tcp.1 = ${HOST}:${port}`,
      `distribution.listener.interface = ${HOST}`,
      `load_definitions = ${pathFromCheckout(definitions)}`,
      'vm_memory_high_watermark.absolute = 1GB',
      'disk_free_limit.absolute = 200MB',
      'log.file = false',
      'log.console = true',
      'log.console.level = warning',
      '',
    ].join('\n'),
  );
}

async function launch(
  home: string,
  addresses: Addresses,
  environment: Environment,
  installation: RabbitmqInstallation,
): Promise<{ record?: BrokerRecord; problem?: string }> {
  const env = nodeEnvironment(home, addresses, installation);
  const log = openSync(paths(home).output, 'a');
  const detached = { cwd: checkout, detached: true, stdio: ['ignore', log, log] as ['ignore', number, number], env };
  const record: BrokerRecord = {
    pid: 0,
    epmdPid: 0,
    since: new Date().toISOString(),
    ...addresses,
    definitions: digest(environment),
  };
  const note = () => writeFileSync(paths(home).record, JSON.stringify(record), { mode: 0o600 });
  try {
    // Erlang would start its port mapper by itself, and nobody would know which process to end afterwards.
    const epmd = spawn(
      join(installation.erlang ?? '', 'epmd'),
      ['-address', HOST, '-port', String(addresses.epmdPort)],
      detached,
    );
    record.epmdPid = epmd.pid ?? 0;
    note();
    const epmdEnd = endOf(epmd, 'epmd');
    // Not before: the broker would use the port mapper of whoever has that port.
    const mapped = waitFor(MAPPER_LIMIT, () => listensOn(record.epmdPid, addresses.epmdPort) !== false);
    const unmapped = await Promise.race([mapped.then((up) => (up ? undefined : 'epmd does not listen')), epmdEnd]);
    if (unmapped) return { problem: unmapped };

    const broker = spawn(join(installation.scripts, 'rabbitmq-server'), [], {
      ...detached,
      env: { ...env, RUNNING_UNDER_SYSTEMD: 'true' }, // replaces the shell, so that the child's process is the broker itself
    });
    record.pid = broker.pid ?? 0;
    note();
    let ended: string | undefined;
    void Promise.race([epmdEnd, endOf(broker, 'rabbitmq-server')]).then((text) => {
      ended = text;
    });
    const up = await waitFor(START_LIMIT, async () => ended !== undefined || (await answers(record, environment)));
    return up && ended === undefined ? { record } : { problem: ended ?? 'it does not answer' };
  } finally {
    closeSync(log);
  }
}

/** The RabbitMQ of that home when its process runs, whether it answers or not. */
export function findBroker(home: string): { pid: number; port: number; since: Date } | undefined {
  const record = readRecord(home);
  if (!record || !isBroker(record.pid, home)) return undefined;
  return { pid: record.pid, port: record.port, since: new Date(record.since) };
}

/** Stops the RabbitMQ of that home, and the port mapper that Erlang leaves behind. */
export async function stopBroker(home: string): Promise<void> {
  const record = readRecord(home);
  if (!record) return;
  if (isBroker(record.pid, home)) await endProcess(record.pid, 'SIGTERM', STOP_LIMIT);
  if (isEpmd(record.epmdPid, home)) await endProcess(record.epmdPid, 'SIGTERM', 5000);
  rmSync(paths(home).record, { force: true });
}

async function joinRunning(
  record: BrokerRecord,
  { home, environment }: BrokerOptions,
  installation: RabbitmqInstallation,
): Promise<Broker> {
  const broker = createHandle(home, record, environment, installation);
  if (!(await waitFor(30_000, () => answers(record, environment)))) {
    throw new Failure(
      `RabbitMQ (process ${record.pid}) runs but does not answer on port ${record.port}: see ${paths(home).output}, or end it with kill -9 ${record.pid} and try again.`,
    );
  }
  if (record.definitions !== digest(environment)) {
    await broker.importDefinitions(environment);
    writeFileSync(paths(home).record, JSON.stringify({ ...record, definitions: digest(environment) }), { mode: 0o600 });
  }
  return broker;
}

function createHandle(home: string, record: BrokerRecord, environment: Environment, installation: RabbitmqInstallation): Broker {
  const control = async (...args: string[]) => {
    const options = { cwd: checkout, env: nodeEnvironment(home, record, installation) };
    return (await run(join(installation.scripts, 'rabbitmqctl'), ['--quiet', ...args], options)).stdout;
  };
  return {
    pid: record.pid,
    host: HOST,
    port: record.port,
    vhost: environment.RABBITMQ_VHOST!,
    stop: () => stopBroker(home),
    kill: () => endProcess(record.pid, 'SIGKILL', 0),
    control,
    async importDefinitions(wanted) {
      const file = join(paths(home).folder, `import-${randomUUID()}.json`);
      writeFileSync(file, renderDefinitions(wanted), { mode: 0o600 });
      try {
        await control('import_definitions', pathFromCheckout(file));
      } finally {
        rmSync(file);
      }
    },
  };
}

/** Keeps the node to itself: its own cookie, name, ports, files; no listener beyond 127.0.0.1. */
function nodeEnvironment(
  home: string,
  { distributionPort, epmdPort }: Pick<BrokerRecord, 'distributionPort' | 'epmdPort'>,
  { erlang, environment }: RabbitmqInstallation,
): NodeJS.ProcessEnv {
  const { folder, data, logs, config, plugins } = paths(home);
  const own = Object.entries(process.env).filter(([name]) => !/^(RABBITMQ|ERL)_/.test(name));
  return {
    ...Object.fromEntries(own),
    ...environment,
    ...(erlang && { PATH: [erlang, process.env.PATH].join(delimiter) }),
    HOME: pathFromCheckout(folder), // of Erlang's cookie
    LC_ALL: 'C.UTF-8',
    RABBITMQ_NODENAME: 'crud-master@localhost',
    RABBITMQ_MNESIA_BASE: pathFromCheckout(data),
    RABBITMQ_LOG_BASE: pathFromCheckout(logs),
    RABBITMQ_CONFIG_FILE: pathFromCheckout(config),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: pathFromCheckout(plugins),
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: HOST,
  };
}

/** The record of a broker whose process, or whose port mapper, may still run. */
function readRecord(home: string): BrokerRecord | undefined {
  try {
    return JSON.parse(readFileSync(paths(home).record, 'utf8'));
  } catch {
    return undefined;
  }
}

// Process numbers are used again, and a copy of this folder names another checkout's: what is not ours is left alone.
const isBroker = (pid: number, home: string) =>
  isOurs(pid, home) && /^(beam|erl|rabbitmq-server|sh$)/.test(processName(pid) ?? 'beam'); // it begins as a shell
const isEpmd = (pid: number, home: string) => isOurs(pid, home) && /^epmd/.test(processName(pid) ?? 'epmd');
const isOurs = (pid: number, home: string) =>
  pid > 0 && isAlive(pid) && worksIn(pid, checkout, pathFromCheckout(paths(home).data));

function endOf(child: ChildProcess, name: string): Promise<string> {
  child.unref();
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(`${name} ended with ${signal ?? `status ${status}`}`));
  });
}

/** Tells whether names and passwords are still those that the broker was given. */
function digest(environment: Environment): string {
  const values = Object.entries(environment).filter(([name]) =>
    /^(RABBITMQ_VHOST|RABBITMQ_.+_(USER|PASSWORD)|BILLING_.*QUEUE)$/.test(name),
  );
  return createHash('sha256').update(JSON.stringify(values.sort())).digest('hex');
}

/**
 * Whether it is this broker that answers. Where the system does not tell who listens, its passwords do: only this home has them.
 * A broker that runs already may have others than the environment, until they are imported.
 */
async function answers({ pid, port }: BrokerRecord, environment: Environment): Promise<boolean> {
  const listens = listensOn(pid, port);
  if (listens === false) return false;
  try {
    const { connection } = await connectOperator({ ...environment, RABBITMQ_HOST: HOST, RABBITMQ_PORT: String(port) }, 4000);
    connection.close().catch(() => {}); // it answered, that is enough
    return true;
  } catch (error) {
    return listens === true && /ACCESS_REFUSED|NOT_ALLOWED|ACCESS-REFUSED/i.test((error as Error).message);
  }
}
