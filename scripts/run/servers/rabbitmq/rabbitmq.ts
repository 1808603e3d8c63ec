import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { holderOfPort } from '../listeners.ts';
import { freePort, isFree, saysTaken } from '../ports.ts';
import { appendedTo, endProcess, waitFor } from '../process.ts';
import { reasonsIn } from '../start-failure.ts';
import { withTemporary } from '../temporary.ts';
import { renderDefinitions } from './definitions.ts';
import { findRabbitmq, pathFromCheckout, type RabbitmqInstallation } from './installation.ts';
import { answers, launch, nodeEnvironment } from './launch.ts';
import {
  type Addresses,
  type BrokerRecord,
  digest,
  type Environment,
  HOST,
  isBroker,
  paths,
  readRecord,
  stopBroker,
  writeFiles,
  writeRecord,
} from './node-files.ts';

const run = promisify(execFile);

/** Ports to try, when others take them first. */
const ATTEMPTS = 10;

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
  /** Adds what those definitions have, as `rabbitmqctl export_definitions` writes them. What has a name there becomes as it is there. */
  addDefinitions(definitions: string): Promise<void>;
}

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
  const { log, output } = paths(home);
  const running = readRecord(home);
  if (running && isBroker(running.pid, home)) return joinRunning(running, options, installation);

  // Its own bind decides who gets a port: another checkout may start at the same moment.
  for (let attempt = 1, first = port; ; attempt++) {
    await stopBroker(home); // what a crashed one, or the last attempt, left
    const addresses = await choosePorts(first, exact);
    writeFiles(home, addresses.port, environment);
    const logged = [log, output].map((file) => (existsSync(file) ? statSync(file).size : 0));
    const { record, problem } = await launch(home, addresses, environment, installation);
    if (record) return createHandle(home, record, environment, installation);
    await stopBroker(home);
    const taken = (await Promise.all(Object.values(addresses).map(async (one) => ((await isFree(one)) ? [] : [one])))).flat();
    const said = [log, output].map((file, i) => appendedTo(file, logged[i]!)).join('');
    const lost = taken.length > 0 || saysTaken(said + problem);
    if (!lost || attempt === ATTEMPTS || (exact && taken.includes(port))) {
      const holders = taken.map((one) => `; its port ${one} is taken${holderOfPort(one)}`).join('');
      throw new Failure(`RabbitMQ could not start (${problem}${holders}${reasonsIn(said, home)}): see ${log} and ${output}.`);
    }
    if (!exact) first = addresses.port + 3;
  }
}

/** The port mapper has its port at once, the broker its two seconds later: who has the first has all three. */
async function choosePorts(first: number, exact = false): Promise<Addresses> {
  const port = exact ? first : await freePort(first, 3);
  const distributionPort = exact ? await freePort(port + 1, 2) : port + 1;
  return { port, distributionPort, epmdPort: distributionPort + 1 };
}

async function joinRunning(
  record: BrokerRecord,
  { home, environment }: BrokerOptions,
  installation: RabbitmqInstallation,
): Promise<Broker> {
  const broker = createHandle(home, record, environment, installation);
  if (!(await waitFor(30_000, () => answers(record, environment)))) {
    throw new Failure(
      `RabbitMQ (process ${record.pid}) runs but does not answer on port ${record.port}: see ${paths(home).log}, or end it with kill -9 ${record.pid} and try again.`,
    );
  }
  if (record.definitions !== digest(environment)) {
    await broker.importDefinitions(environment);
    writeRecord(home, { ...record, definitions: digest(environment) });
  }
  return broker;
}

/** How `rabbitmqctl` is called. */
export interface ControlProgram {
  program: string;
  /** Before its own words. */
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/** For the broker of that home, for somebody at a terminal; undefined when it does not run. */
export async function controlProgram(home: string): Promise<ControlProgram | undefined> {
  const record = readRecord(home);
  if (!record || !isBroker(record.pid, home)) return undefined;
  const installation = await findRabbitmq();
  return {
    program: join(installation.scripts, 'rabbitmqctl'),
    args: [],
    env: nodeEnvironment(home, record, installation),
    cwd: checkout,
  };
}

function createHandle(home: string, record: BrokerRecord, environment: Environment, installation: RabbitmqInstallation): Broker {
  const control = async (...args: string[]) => {
    const options = { cwd: checkout, env: nodeEnvironment(home, record, installation) };
    return (await run(join(installation.scripts, 'rabbitmqctl'), ['--quiet', ...args], options)).stdout;
  };
  const addDefinitions = async (definitions: string) => {
    const file = join(paths(home).folder, `import-${randomUUID()}.json`);
    writeFileSync(file, definitions, { mode: 0o600 });
    await withTemporary(file, () => control('import_definitions', pathFromCheckout(file)));
  };
  return {
    pid: record.pid,
    host: HOST,
    port: record.port,
    vhost: environment.RABBITMQ_VHOST!,
    stop: () => stopBroker(home),
    kill: () => endProcess(record.pid, 'SIGKILL', 0),
    control,
    importDefinitions: (wanted) => addDefinitions(renderDefinitions(wanted)),
    addDefinitions,
  };
}
