import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { checkout } from '../../checkout.mjs';
import { listensOn } from '../listeners.ts';
import { waitFor } from '../process.ts';
import { pathFromCheckout, type RabbitmqInstallation } from './installation.ts';
import { type Addresses, type BrokerRecord, digest, type Environment, HOST, paths, writeRecord } from './node-files.ts';
import { connectOperator } from './operator.ts';

/** Milliseconds. */
const START_LIMIT = 120_000;
const MAPPER_LIMIT = 10_000;

/** Starts the port mapper and the node, and waits until it answers. What of them runs in vain is left to `stopBroker`. */
export async function launch(
  home: string,
  addresses: Addresses,
  environment: Environment,
  installation: RabbitmqInstallation,
): Promise<{ record?: BrokerRecord; problem?: string }> {
  const env = nodeEnvironment(home, addresses, installation);
  const log = openSync(paths(home).output, 'a');
  const detached = { cwd: checkout, detached: true, stdio: ['ignore', log, log] as ['ignore', number, number], env };
  const record = { pid: 0, epmdPid: 0, since: new Date().toISOString(), ...addresses, definitions: digest(environment) };
  try {
    // Erlang would start its port mapper by itself, and nobody would know which process to end afterwards.
    const mapperArgs = ['-address', HOST, '-port', String(addresses.epmdPort)];
    const epmd = spawn(join(installation.erlang ?? '', 'epmd'), mapperArgs, detached);
    record.epmdPid = epmd.pid ?? 0;
    writeRecord(home, record);
    const epmdEnd = endOf(epmd, 'epmd');
    // Not before: the broker would use the port mapper of whoever has that port.
    const mapped = waitFor(MAPPER_LIMIT, () => listensOn(record.epmdPid, addresses.epmdPort) !== false);
    const unmapped = await Promise.race([mapped.then((up) => (up ? undefined : 'epmd does not listen')), epmdEnd]);
    // It says nothing where another program has its port, and ends as if all were well.
    if (unmapped) return { problem: unmapped === 'epmd ended with status 0' ? `${unmapped}, address already in use` : unmapped };

    const broker = spawn(join(installation.scripts, 'rabbitmq-server'), [], {
      ...detached,
      env: { ...env, RUNNING_UNDER_SYSTEMD: 'true' }, // replaces the shell, so that the child's process is the broker itself
    });
    record.pid = broker.pid ?? 0;
    writeRecord(home, record);
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

/** Keeps the node to itself: its own cookie, name, ports, files; no listener beyond 127.0.0.1. */
export function nodeEnvironment(
  home: string,
  { distributionPort, epmdPort }: Pick<Addresses, 'distributionPort' | 'epmdPort'>,
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
    // The node works in the checkout, and would leave the dumps of a crash there: no dump of Erlang, that of its database beside the logs.
    ERL_CRASH_DUMP_SECONDS: '0',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-mnesia core_dir "${pathFromCheckout(logs)}"`,
  };
}

function endOf(child: ChildProcess, name: string): Promise<string> {
  child.unref();
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(`${name} ended with ${signal ?? `status ${status}`}`));
  });
}

/**
 * Whether it is this broker that answers. Where the system does not tell who listens, its passwords do: only this home has them.
 * A broker that runs already may have others than the environment, until they are imported.
 */
export async function answers({ pid, port }: BrokerRecord, environment: Environment): Promise<boolean> {
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
