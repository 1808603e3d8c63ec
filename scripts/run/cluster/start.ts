import { join } from 'node:path';
import pg from 'pg';
import { databases, migrate } from '../servers/migrations.ts';
import { isOnline, listApps, restartApp, startApp } from '../servers/pm2/apps.ts';
import { pm2 } from '../servers/pm2/daemon.ts';
import { unprivileged } from '../servers/postgres/binaries.ts';
import { connect, type PostgresAddress } from '../servers/postgres/connection.ts';
import { ensureDatabases } from '../servers/postgres/databases.ts';
import { dropRemains } from '../servers/postgres/remains.ts';
import { waitFor } from '../servers/process.ts';
import { findRabbitmq, type RabbitmqInstallation } from '../servers/rabbitmq/installation.ts';
import { type Environment, saveEnvironment } from '../stack/environment.ts';
import { environmentOf, service } from '../stack/services.ts';
import { Failure } from '../terminal/failure.mjs';
import type { Report } from '../terminal/report.ts';
import { areTogether, control, forget, hasJoined, prepareBrokers } from './brokers.ts';
import { nodeEnvironment } from './environment.ts';
import { isMember, replaceMember } from './etcd.ts';
import { type Cluster, type Node, PORTS, wasFormed } from './layout.ts';
import { buildNetwork, entryTo, mend } from './network.ts';
import { prepareNetwork, preparePrograms } from './node-files.ts';
import { MARK, thawNode } from './processes.ts';
import { startPrograms } from './programs.ts';
import { accepts, leaderOf, stateOf } from './state.ts';
import { findTools } from './tools.ts';

/** Milliseconds that the servers of a node have to come up, on a busy computer. */
const LIMIT = 60_000;

/** Milliseconds after which a broker that does not come up waits for another one, on a busy computer. */
const WAITS = 30_000;

/** The servers first, then what they are to hold, then the services. */
export const SERVICES = ['inventory_app', 'billing_app', 'api_gateway'] as const;

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
  await buildNetwork(cluster);
  await mend(cluster);
  for (const folder of [cluster.home, ...nodes.map(({ folder }) => folder)]) thawNode({ folder });
  await report.step('Servers', async (detail) => {
    detail('of three nodes');
    await startPrograms(cluster.home, prepareNetwork(cluster, port, { tools, rabbitmq }));
    // Before a broker starts a port mapper of its own, which would be on one address only.
    if (!cluster.isolated)
      await requireUp('The port mapper of Erlang is not up', cluster, () => accepts(nodes[0]!.address, cluster.erlang.epmd));
    const user = unprivileged();
    const start = (these: Node[]) =>
      Promise.all(
        these.map((node) => startPrograms(node.folder, preparePrograms(cluster, node, { tools, rabbitmq, user }), entryTo(node))),
      );
    const anew = wasFormed(cluster) ? nodes.filter((node) => !isMember(node) || !hasJoined(node)) : [];
    if (anew.length > 0) {
      detail(`${anew.map(({ name }) => name).join(' and ')} anew`);
      const others = nodes.filter((node) => !anew.includes(node));
      await start(requireMajority(cluster, others));
      for (const node of anew) await makeRoom(cluster, node, others, rabbitmq);
    }
    await start(nodes);
  });
  const primary = report.step('PostgreSQL', async (detail) => {
    const leader = await requireUp('PostgreSQL has no primary', cluster, () => leaderOf(cluster));
    detail(`primary: ${leader.name}`);
    await prepareDatabases(cluster, leader, environment);
  });
  const broker = report.step('RabbitMQ', async (detail) => {
    await requireUp('RabbitMQ is not up on every node', cluster, () => areTogether(cluster, nodes[0]!, rabbitmq));
    // One whose disk was full takes nothing until it has started anew (rejoin-broker.sh).
    await requireUp('RabbitMQ does not take its users and queues', cluster, () =>
      prepareBrokers(cluster, environment, rabbitmq).then(() => true),
    );
    detail('three nodes');
  });
  await Promise.all([primary, broker]);
  saveEnvironment(cluster.home, { environment: { ...environment, API_GATEWAY_PORT: String(port) }, overrides: {} });
}

function requireMajority({ nodes, home }: Cluster, others: Node[]): Node[] {
  if (others.length * 2 > nodes.length) return others;
  throw new Failure(
    `${home} has the data of ${others.map(({ name }) => name).join(' and ') || 'no node'} only, and a majority is needed to go on. docs/cluster.md#two-nodes-are-lost says what to do.`,
  );
}

/** For a node that lost its data: the others do not take its former self for a member any longer. */
async function makeRoom(cluster: Cluster, node: Node, others: Node[], rabbitmq: RabbitmqInstallation): Promise<void> {
  const [other] = others;
  if (!isMember(node)) {
    await requireUp('etcd has no majority', cluster, async () => (await stateOf(other!)).etcd);
    // It takes no member before the others have known each other for five seconds.
    await requireUp(`etcd does not take ${node.name}`, cluster, () => replaceMember(node, other!).then(() => true));
  }
  if (!hasJoined(node)) {
    await spareWaiting(cluster, others, rabbitmq);
    // A copy is only given up where a majority of the queue's works.
    for (const one of others)
      await requireUp(`RabbitMQ of ${one.name} is not up`, cluster, async () => (await stateOf(one)).rabbitmq);
    await requireUp(`RabbitMQ does not forget ${node.name}`, cluster, () =>
      forget(cluster, node, other!, rabbitmq).then(() => true),
    );
  }
}

/**
 * Brokers that ended at the same time, as by a power cut, wait for all of them: also for one whose data are gone. Then the first begins without
 * it; the others take its users and queues for theirs, and what is in the queues is their majority's
 * (https://www.rabbitmq.com/docs/clustering#restarting).
 */
async function spareWaiting(cluster: Cluster, others: Node[], rabbitmq: RabbitmqInstallation): Promise<void> {
  const isAnyUp = async () => (await Promise.all(others.map(stateOf))).some((state) => state.rabbitmq);
  if (await waitFor(WAITS, isAnyUp)) return;
  const [first] = others;
  const isForced = await control(cluster, first!, rabbitmq, 'rabbitmqctl', 'force_boot').then(
    () => true,
    () => false, // it has just come up; or what is looked for next says what is wrong
  );
  if (isForced) await restartApp(first!.folder, 'rabbitmq');
}

async function requireUp<T>(problem: string, cluster: Cluster, check: () => Promise<T | undefined | false>): Promise<T> {
  let reason = '';
  const result = await waitFor(LIMIT, () =>
    check().catch((error: Error) => {
      reason = ` (${error.message.trim().split('\n').at(-1)})`; // behind the command that failed
      return undefined;
    }),
  );
  if (!result)
    throw new Failure(`${problem} after ${LIMIT / 1000} seconds${reason}: see ${join(cluster.home, 'node-*/pm2/logs')}.`);
  return result;
}

/** Roles, databases and tables, once, on the primary: Prisma takes a lock of the database's for it. */
async function prepareDatabases(cluster: Cluster, leader: Node, environment: Environment): Promise<void> {
  const server = superuserAt(cluster, leader);
  const own = nodeEnvironment(cluster, leader, environment);
  await dropRemains(
    server,
    databases.map(({ prefix }) => own[`${prefix}_NAME`]!),
  );
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
