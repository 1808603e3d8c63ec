import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkout } from '../../checkout.mjs';
import { endProcess, isAlive, processName, worksIn } from '../process.ts';
import { renderDefinitions } from './definitions.ts';
import { pathFromCheckout } from './installation.ts';

export const HOST = '127.0.0.1';
/** Milliseconds. */
const STOP_LIMIT = 60_000;

export type Environment = Record<string, string | undefined>;

/** What a running broker was started with, kept for the commands that come later. */
export interface BrokerRecord {
  pid: number;
  since: string;
  port: number;
  distributionPort: number;
  epmdPort: number;
  epmdPid: number;
  /** A digest of the names and passwords that were imported. */
  definitions: string;
}

export type Addresses = Pick<BrokerRecord, 'port' | 'distributionPort' | 'epmdPort'>;

/** Where the broker of a home has its files. */
export const paths = (home: string) => {
  const folder = join(home, 'rabbitmq');
  return {
    folder,
    record: join(folder, 'broker.json'),
    config: join(folder, 'rabbitmq.conf'),
    plugins: join(folder, 'enabled_plugins'),
    definitions: join(folder, 'definitions.json'),
    data: join(folder, 'data'),
    logs: join(folder, 'logs'),
    log: join(folder, 'logs', 'rabbitmq.log'),
    /** What Erlang and the port mapper say when the node does not get as far as its log. */
    output: join(folder, 'start.log'),
  };
};

/** Writes what the node reads when it starts. */
export function writeFiles(home: string, port: number, environment: Environment): void {
  const { folder, data, logs, log, config, plugins, definitions } = paths(home);
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
      `log.file = ${basename(log)}`,
      'log.file.level = warning',
      `log.file.rotation.size = ${20 * 1024 * 1024}`,
      'log.file.rotation.count = 5',
      'log.console = false',
      '',
    ].join('\n'),
  );
}

/** The record of a broker whose process, or whose port mapper, may still run. */
export function readRecord(home: string): BrokerRecord | undefined {
  try {
    return JSON.parse(readFileSync(paths(home).record, 'utf8'));
  } catch {
    return undefined;
  }
}

export function writeRecord(home: string, record: BrokerRecord): void {
  writeFileSync(paths(home).record, JSON.stringify(record), { mode: 0o600 });
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

// Process numbers are used again, and a copy of this folder names another checkout's: what is not ours is left alone.
export const isBroker = (pid: number, home: string) =>
  isOurs(pid, home) && /^(beam|erl|rabbitmq-server|sh$)/.test(processName(pid) ?? 'beam'); // it begins as a shell
const isEpmd = (pid: number, home: string) => isOurs(pid, home) && /^epmd/.test(processName(pid) ?? 'epmd');
const isOurs = (pid: number, home: string) =>
  pid > 0 && isAlive(pid) && worksIn(pid, checkout, pathFromCheckout(paths(home).data));

/** Tells whether names and passwords are still those that the broker was given. */
export function digest(environment: Environment): string {
  const values = Object.entries(environment).filter(([name]) =>
    /^(RABBITMQ_VHOST|RABBITMQ_.+_(USER|PASSWORD)|BILLING_.*QUEUE)$/.test(name),
  );
  return createHash('sha256').update(JSON.stringify(values.sort())).digest('hex');
}
