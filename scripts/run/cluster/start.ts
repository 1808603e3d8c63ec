import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { checkout } from '../checkout.mjs';
import { databases, migrate } from '../servers/migrations.ts';
import { type App, listApps, startApp } from '../servers/pm2/apps.ts';
import { pm2, startDaemon } from '../servers/pm2/daemon.ts';
import { unprivileged } from '../servers/postgres/binaries.ts';
import { connect, type PostgresAddress } from '../servers/postgres/connection.ts';
import { ensureDatabases } from '../servers/postgres/databases.ts';
import { waitFor } from '../servers/process.ts';
import { renderDefinitions } from '../servers/rabbitmq/definitions.ts';
import { findRabbitmq, pathFromCheckout, type RabbitmqInstallation } from '../servers/rabbitmq/installation.ts';
import { type Environment, saveEnvironment } from '../stack/environment.ts';
import { environmentOf, service } from '../stack/services.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import { nodeEnvironment } from './environment.ts';
import { type Cluster, type Node, PORTS } from './layout.ts';
import { brokerEnvironment, brokerName, MARK, type Program, prepareNetwork, preparePrograms } from './node-files.ts';
import { thawNode } from './processes.ts';
import { accepts, leaderOf, stateOf } from './state.ts';
import { findTools } from './tools.ts';

const run = promisify(execFile);

/** Milliseconds that the servers of a node have to come up, on a busy computer. */
const LIMIT = 60_000;

/** The servers first, then what they are to hold, then the services. */
const SERVICES = ['inventory_app', 'billing_app', 'api_gateway'] as const;

/** Starts what is down of the cluster, and lets go on what was frozen. `port`: of the clients' address. */
export async function startCluster(cluster: Cluster, environment: Environment, port: number, report: Report): Promise<void> {
  await startServers(cluster, environment, port, report);
  for (const name of SERVICES) {
    await report.step(name, async () => {
      for (const node of cluster.nodes) await startServices(cluster, node, name, environment);
    });
  }
}

/** All but the services, with their users, databases, tables and queues. */
export async function startServers(cluster: Cluster, environment: Environment, port: number, report: Report): Promise<void> {
  const [tools, rabbitmq] = await report.step(
    'Programs',
    async (detail) => [await findTools(detail), await findRabbitmq(detail)] as const,
  );
  const { nodes } = cluster;
  for (const node of nodes) thawNode(node);
  await report.step('Servers', async (detail) => {
    detail('of three nodes');
    await startPrograms(cluster.home, prepareNetwork(cluster, port, { tools, rabbitmq }));
    // Before a broker starts a port mapper of its own, which would be on one address only.
    await requireUp('The port mapper of Erlang is not up', cluster, () => accepts(nodes[0]!.address, PORTS.epmd));
    const user = unprivileged();
    await Promise.all(nodes.map((node) => startPrograms(node.folder, preparePrograms(cluster, node, { tools, rabbitmq, user }))));
  });
  const primary = report.step('PostgreSQL', async (detail) => {
    const leader = await requireUp('PostgreSQL has no primary', cluster, () => leaderOf(cluster));
    detail(`primary: ${leader.name}`);
    await prepareDatabases(cluster, leader, environment);
  });
  const broker = report.step('RabbitMQ', async (detail) => {
    await requireUp('RabbitMQ is not up on every node', cluster, () => isFormed(cluster, rabbitmq));
    await prepareBroker(cluster, environment, rabbitmq);
    detail('three nodes');
  });
  await Promise.all([primary, broker]);
  saveEnvironment(cluster.home, { environment: { ...environment, API_GATEWAY_PORT: String(port) }, overrides: {} });
}

/** Those of that home that are down. */
async function startPrograms(home: string, programs: Program[]): Promise<void> {
  mkdirSync(join(home, 'pm2'), { recursive: true, mode: 0o700 });
  await startDaemon(home, { [MARK]: home, PM2_KILL_SIGNAL: 'SIGTERM' }); // PM2's own is SIGINT, which Erlang takes for a question
  const online = new Set((await listApps(home)).filter(isOnline).map(({ name }) => name));
  const down = programs.filter(({ name }) => !online.has(name));
  if (down.length === 0) return;
  const file = join(home, 'servers.json');
  writeFileSync(file, JSON.stringify({ apps: down.map(supervised) }), { mode: 0o600 });
  await pm2(home, ['start', file, '--silent']);
}

/** As systemd keeps it in the machines. */
const supervised = (program: Program) => ({
  ...program,
  script: absolute(program.script),
  interpreter: 'none',
  exp_backoff_restart_delay: 200, // milliseconds
  kill_timeout: 30_000,
});

function absolute(program: string): string {
  if (program.startsWith('/')) return program;
  const folder = (process.env.PATH ?? '').split(delimiter).find((one) => one && existsSync(join(one, program)));
  return folder ? join(folder, program) : program;
}

const isOnline = ({ status }: App) => status === 'online';

async function requireUp<T>(problem: string, cluster: Cluster, check: () => Promise<T | undefined | false>): Promise<T> {
  const result = await waitFor(LIMIT, async () => check().catch(() => undefined));
  if (!result) throw new Failure(`${problem} after ${LIMIT / 1000} seconds: see ${join(cluster.home, 'node-*/pm2/logs')}.`);
  return result;
}

/** Roles, databases and tables, once, on the primary: Prisma takes a lock of the database's for it. */
async function prepareDatabases(cluster: Cluster, leader: Node, environment: Environment): Promise<void> {
  const server = superuserAt(cluster, leader);
  const own = nodeEnvironment(cluster, leader, environment);
  await ensureDatabases(
    server,
    databases.map(({ prefix }) => ({
      role: own[`${prefix}_USER`]!,
      password: own[`${prefix}_PASSWORD`]!,
      database: own[`${prefix}_NAME`]!,
    })),
  );
  await prepareReplication(server, own.MOVIES_DB_NAME!);
  for (const { app } of databases) await migrate(app, own);
}

export const superuserAt = ({ secrets }: Cluster, { address }: Node): PostgresAddress => ({
  host: address,
  port: PORTS.postgres,
  superuser: 'postgres',
  password: secrets.superuser,
});

async function prepareReplication(server: PostgresAddress, movies: string): Promise<void> {
  const client = await connect(server);
  try {
    // A former primary compares its files with the new one's over a session there, and PUBLIC may not connect to that database.
    await client.query('GRANT CONNECT ON DATABASE postgres TO rewind');
    // A film is answered as written when the standby that films are read from has it, too.
    await client.query(`ALTER DATABASE ${pg.escapeIdentifier(movies)} SET synchronous_commit = remote_apply`);
  } finally {
    await client.end();
  }
}

/** `rabbitmqctl` of that node. Gives what it printed. */
async function control(
  cluster: Cluster,
  node: Node,
  rabbitmq: RabbitmqInstallation,
  program: string,
  ...args: string[]
): Promise<string> {
  const env = { ...process.env, ...brokerEnvironment(cluster, node, rabbitmq) };
  const names = ['--quiet', '--longnames', '--node', brokerName(node)];
  return (await run(join(rabbitmq.scripts, program), [...names, ...args], { cwd: checkout, env })).stdout;
}

async function isFormed(cluster: Cluster, rabbitmq: RabbitmqInstallation): Promise<boolean> {
  const states = await Promise.all(cluster.nodes.map(stateOf));
  if (states.some(({ rabbitmq }) => !rabbitmq)) return false;
  const { running_nodes } = JSON.parse(
    await control(cluster, cluster.nodes[0]!, rabbitmq, 'rabbitmqctl', 'cluster_status', '--formatter', 'json'),
  );
  return running_nodes.length === cluster.nodes.length;
}

/** Users, queues and policies, when all nodes are there: a queue has its copies where nodes are when it is made. */
async function prepareBroker(cluster: Cluster, environment: Environment, rabbitmq: RabbitmqInstallation): Promise<void> {
  const [first] = cluster.nodes;
  await addDefinitions(cluster, rabbitmq, renderDefinitions(environment));
  // A node that was made anew has no copy yet. Where there is one, nothing happens.
  for (const node of cluster.nodes) await control(cluster, first!, rabbitmq, 'rabbitmq-queues', 'grow', brokerName(node), 'all');
}

/** What has a name there becomes as it is in those definitions. */
export async function addDefinitions(cluster: Cluster, rabbitmq: RabbitmqInstallation, definitions: string): Promise<void> {
  const [first] = cluster.nodes;
  const file = join(first!.folder, 'rabbitmq', 'definitions.json');
  writeFileSync(file, definitions, { mode: 0o600 });
  await control(cluster, first!, rabbitmq, 'rabbitmqctl', 'import_definitions', pathFromCheckout(file));
}

async function startServices(
  cluster: Cluster,
  node: Node,
  name: (typeof SERVICES)[number],
  environment: Environment,
): Promise<void> {
  const apps = (await listApps(node.folder)).filter((app) => app.name === name);
  if (apps.some(isOnline)) return;
  if (apps.length > 0) await pm2(node.folder, ['delete', name, '--silent']);
  const { workspace } = service(name);
  await startApp(node.folder, workspace, {
    ...environmentOf(service(name), nodeEnvironment(cluster, node, environment)),
    [MARK]: node.folder,
  });
}
