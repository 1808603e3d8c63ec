import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { checkout } from '../checkout.mjs';
import type { Unprivileged } from '../servers/postgres/binaries.ts';
import { pathFromCheckout, type RabbitmqInstallation } from '../servers/rabbitmq/installation.ts';
import { etcdApi, peerUrl } from './etcd.ts';
import { type Cluster, dataOf, type Node, PORTS, wasFormed } from './layout.ts';
import { MARK } from './processes.ts';
import type { Program } from './programs.ts';
import { isSince, type Tools } from './tools.ts';

/** The port mapper that all share has each name once. */
export const brokerName = ({ name, address }: Node) => `${name}@${address}`;

/** Writes what a node's programs read, and says how they are started: all but the three services. */
export function preparePrograms(
  cluster: Cluster,
  node: Node,
  { tools, rabbitmq, user }: { tools: Tools; rabbitmq: RabbitmqInstallation; user: Unprivileged },
): Program[] {
  const { folder } = node;
  for (const part of ['etcd', 'postgres', 'rabbitmq/data', 'rabbitmq/logs', 'pm2']) {
    mkdirSync(join(folder, part), { recursive: true, mode: 0o700 });
  }
  const env = { [MARK]: folder, PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' };
  const patroniFile = join(folder, 'patroni.yml');
  writeFileSync(patroniFile, stringify(patroniSettings(cluster, node, tools)), { mode: 0o600 });
  const haproxyFile = join(folder, 'haproxy.cfg');
  writeFileSync(haproxyFile, databaseProxy(cluster, node));
  writeBrokerFiles(cluster, node);
  const erlang = brokerEnvironment(cluster, node, rabbitmq);
  return [
    { name: 'etcd', script: tools.etcd, args: etcdArguments(cluster, node, tools), cwd: folder, env: { ...env, GOGC: '25' } },
    {
      name: 'patroni',
      script: join(import.meta.dirname, 'discard-half-copy.sh'),
      args: [dataOf(node), ...user.prefix, tools.python, tools.patroni, patroniFile],
      cwd: folder,
      env: { ...env, ...tools.environment, MALLOC_ARENA_MAX: '1' },
    },
    {
      name: 'haproxy',
      script: tools.haproxy,
      args: ['-f', haproxyFile, '-db'],
      cwd: folder,
      env: { ...env, LD_LIBRARY_PATH: tools.environment.LD_LIBRARY_PATH! },
    },
    { name: 'rabbitmq', script: join(rabbitmq.scripts, 'rabbitmq-server'), args: [], cwd: checkout, env: { ...env, ...erlang } },
    ...(cluster.isolated ? [portMapper(cluster, [node], rabbitmq, env)] : []),
    {
      name: 'rejoin-broker',
      script: join(import.meta.dirname, 'rejoin-broker.sh'),
      args: rejoinArguments(cluster, node, rabbitmq),
      cwd: checkout,
      env: { ...env, ...erlang },
    },
  ];
}

function etcdArguments(cluster: Cluster, node: Node, tools: Tools): string[] {
  const { name, address, folder } = node;
  const peers = cluster.nodes.map((node) => `${node.name}=${peerUrl(node)}`).join(',');
  const clients = `http://${address}:${PORTS.etcd}`;
  return Object.entries({
    name,
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': clients,
    'advertise-client-urls': clients,
    'listen-peer-urls': peerUrl(node),
    'initial-advertise-peer-urls': peerUrl(node),
    'initial-cluster': peers,
    'initial-cluster-state': wasFormed(cluster) ? 'existing' : 'new', // read by one without data
    'pre-vote': 'true', // else one that was cut off unseats the leader when it is back, and with it the primary (seen: 12 s)
    'auto-compaction-retention': '1', // hours
    'enable-v2': String(etcdApi(tools) === 'etcd'),
  }).map(([option, value]) => `--${option}=${value}`);
}

/**
 * From 4.0 on every node has the others' slots. Before it a new primary makes them some loops after it leads, and until then no standby
 * follows: films wait a second or two longer (seen). Such a version drops the slot of a node that is away after 20 s anyway.
 */
const keepsSlots = (tools: Tools): boolean => isSince('4.0.0', tools);

/** Measured with these: docs/cluster.md. Times are seconds, as Patroni has them (https://patroni.readthedocs.io/en/latest/dynamic_configuration.html). */
function patroniSettings({ nodes, secrets, host }: Cluster, node: Node, tools: Tools): object {
  const { name, address, folder } = node;
  // This computer: its own commands, and on loopback whom the system takes for the sender.
  const ours = [...nodes.map(({ address }) => address), host].map((address) => `${address}/32`);
  return {
    scope: 'crud-master',
    name,
    restapi: { listen: `${address}:${PORTS.patroni}`, connect_address: `${address}:${PORTS.patroni}` },
    [etcdApi(tools)]: { hosts: nodes.map((node) => `${node.address}:${PORTS.etcd}`) },
    bootstrap: {
      dcs: {
        ttl: 20,
        loop_wait: 1,
        retry_timeout: 5,
        primary_start_timeout: 0, // a primary that ended is not waited for: another one takes its place
        maximum_lag_on_failover: 1_048_576, // bytes
        // No commit is acknowledged that only one node has, also when only one is left: then nothing is written.
        synchronous_mode: true,
        synchronous_mode_strict: true,
        postgresql: {
          use_pg_rewind: true,
          use_slots: keepsSlots(tools),
          // For a standby that was away, where nothing else keeps what it has missed.
          parameters: {
            wal_level: 'replica',
            hot_standby: 'on',
            wal_log_hints: 'on',
            max_connections: 100,
            wal_keep_size: '1GB',
          },
        },
      },
      initdb: [{ encoding: 'UTF8' }, { locale: 'C.UTF-8' }, 'data-checksums'],
    },
    postgresql: {
      basebackup: [{ checkpoint: 'fast' }], // else a new standby waits for the primary's next checkpoint: a minute was seen
      listen: `${address}:${PORTS.postgres}`,
      connect_address: `${address}:${PORTS.postgres}`,
      data_dir: dataOf(node),
      bin_dir: tools.postgres,
      pgpass: join(folder, 'postgres', 'pgpass'),
      authentication: {
        superuser: { username: 'postgres', password: secrets.superuser },
        replication: { username: 'replication', password: secrets.replication },
        rewind: { username: 'rewind', password: secrets.rewind },
      },
      pg_hba: ours.flatMap((one) => [`host replication replication ${one} scram-sha-256`, `host all all ${one} scram-sha-256`]),
      parameters: {
        unix_socket_directories: '',
        shared_buffers: '32MB',
        jit: 'off',
        password_encryption: 'scram-sha-256',
        // A standby asks a new primary before that leads, and again after this: 5 s without writes with the default.
        wal_retrieve_retry_interval: '200ms',
        // One that is cut off is not waited for longer. With the defaults, a minute, commits would be.
        wal_sender_timeout: '3s',
        wal_receiver_timeout: '3s',
      },
    },
  };
}

/**
 * What stands for the network: the clients' address, which keepalived moves in the machines, and Erlang's port mapper where all nodes
 * are on one loopback. No fault of a node touches them.
 */
export function prepareNetwork(
  cluster: Cluster,
  port: number,
  { tools, rabbitmq }: { tools: Tools; rabbitmq: RabbitmqInstallation },
): Program[] {
  const { home, nodes, isolated } = cluster;
  const file = join(home, 'haproxy.cfg');
  writeFileSync(file, clientProxy(nodes, port));
  const env = { [MARK]: home, PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8' };
  return [
    {
      name: 'clients',
      script: tools.haproxy,
      args: ['-f', file, '-db'],
      cwd: home,
      env: { ...env, LD_LIBRARY_PATH: tools.environment.LD_LIBRARY_PATH! },
    },
    ...(isolated ? [] : [portMapper(cluster, nodes, rabbitmq, env)]),
  ];
}

/** The port of the clients' address, as it was written last. */
export function portWritten(home: string): number | undefined {
  const file = join(home, 'haproxy.cfg');
  const [, port] = /^ *bind [\d.]+:(\d+)$/m.exec(existsSync(file) ? readFileSync(file, 'utf8') : '') ?? [];
  return port ? Number(port) : undefined;
}

function rejoinArguments({ nodes }: Cluster, node: Node, rabbitmq: RabbitmqInstallation): string[] {
  const [rank, others] = [nodes.indexOf(node), nodes.length - 1].map(String);
  const folder = join(node.folder, 'rabbitmq');
  const [log, pidFile] = [join(folder, 'logs', 'rabbitmq.log'), join(folder, 'data', `${brokerName(node)}.pid`)];
  const control = [join(rabbitmq.scripts, 'rabbitmqctl'), '--quiet', '--longnames', '--node', brokerName(node)];
  return [rank!, others!, log, pidFile, node.address, String(PORTS.rabbitmq), brokerName(node), '--', ...control];
}

/** Of Erlang: where a broker asks for another one's port. On addresses of one loopback there can be one only. */
const portMapper = (
  { erlang }: Cluster,
  nodes: Node[],
  rabbitmq: RabbitmqInstallation,
  env: Record<string, string>,
): Program => ({
  name: 'epmd',
  script: join(rabbitmq.erlang ?? '', 'epmd'),
  args: ['-address', nodes.map(({ address }) => address).join(','), '-port', String(erlang.epmd)],
  cwd: checkout,
  env: { ...env, ...rabbitmq.environment },
});

/**
 * Films go to gateways that can serve them. Orders need no database, and go to any gateway that lives; so do films when no gateway
 * can serve them: its answer says why. What never reached a gateway is sent to another one, and so is what only reads, when its
 * gateway ends before it has answered (https://docs.haproxy.org/2.6/configuration.html#retry-on).
 * One that is back gets its first order after 1 s (`rise 5`, every 250 ms): after it stood still it connects to the brokers anew, for 0.6 s.
 */
function clientProxy(nodes: Node[], port: number): string {
  const servers = nodes.map(({ name, address }) => `  server ${name} ${address}:${PORTS.gateway} check`).join('\n');
  return `global
  maxconn 5000
defaults
  mode http
  timeout connect 500ms
  timeout client 60s
  timeout server 35s
  timeout check 500ms
  timeout http-request 15s
  balance roundrobin
  retries 3
  retry-on conn-failure empty-response
  option redispatch 1
${readFileSync(join(import.meta.dirname, 'haproxy-answers.cfg'), 'utf8').trimEnd()}
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
frontend clients
  bind 127.0.0.1:${port}
  option forwardfor
  http-request disable-l7-retry unless METH_GET
  use_backend live if { path_beg /api/billing }
  use_backend live if { nbsrv(ready) lt 1 }
  default_backend ready
backend ready
  option httpchk GET /readyz
  http-check disable-on-404
  http-check expect status 200
${servers}
backend live
  default-server rise 5
  option httpchk GET /livez
  http-check disable-on-404
  http-check expect status 200
${servers}
`;
}

/**
 * To the primary, wherever it is, and to whom films are read from: the primary and the standby that it waits for, which has applied a
 * film before that is answered as written (`synchronous_commit`). A session with one that is neither any longer is ended at once
 * (https://docs.haproxy.org/2.6/configuration.html#on-marked-down). A reader whom one refuses goes to the other (`redispatch`). One that
 * stood still says for a second what it was before, and has not what was written since: the others read there when it has said so for 1.5.
 */
function databaseProxy({ nodes }: Cluster, { address }: Node): string {
  const servers = nodes
    .map((node) => `  server ${node.name} ${node.address}:${PORTS.postgres} check port ${PORTS.patroni}`)
    .join('\n');
  const proxy = (name: string, port: number, question: string, more = '') => `listen ${name}
  bind ${address}:${port}
${more}  option httpchk OPTIONS ${question}
  http-check expect status 200
${servers}
`;
  return `global
  maxconn 500
defaults
  mode tcp
  timeout connect 500ms
  timeout client 1h
  timeout server 1h
  timeout check 500ms
  balance leastconn
  option redispatch 1
  default-server inter 500ms fastinter 250ms downinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
${proxy('primary', PORTS.primary, '/primary')}${proxy('readers', PORTS.readers, '/read-only-sync', '  default-server rise 7\n')}`;
}

/** Writes what the broker of a node reads when it starts. */
function writeBrokerFiles({ nodes, secrets }: Cluster, node: Node): void {
  const folder = join(node.folder, 'rabbitmq');
  rmSync(join(folder, '.erlang.cookie'), { force: true });
  writeFileSync(join(folder, '.erlang.cookie'), secrets.cookie, { mode: 0o400 });
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  // How soon a queue's followers take a frozen leader for dead: milliseconds between two looks.
  writeFileSync(join(folder, 'advanced.config'), '[{aten, [{poll_interval, 1000}]}].\n');
  writeFileSync(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = ${node.address}:${PORTS.rabbitmq}`,
      `distribution.listener.interface = ${node.address}`,
      'cluster_formation.peer_discovery_backend = classic_config',
      ...nodes.map((one, i) => `cluster_formation.classic_config.nodes.${i + 1} = ${brokerName(one)}`),
      'cluster_partition_handling = ignore', // rejoin-broker.sh says why
      'vm_memory_high_watermark.absolute = 1GB',
      'disk_free_limit.absolute = 200MB',
      'log.file = rabbitmq.log',
      'log.file.level = warning',
      'log.console = false',
      '',
    ].join('\n'),
  );
}

/** As a broker of its own has them (servers/rabbitmq/launch.ts), but for its name, which others have to find. For `rabbitmqctl`, too. */
export function brokerEnvironment(
  { nodes, erlang: ports }: Cluster,
  node: Node,
  { erlang, environment }: RabbitmqInstallation,
): Record<string, string> {
  const folder = join(node.folder, 'rabbitmq');
  const below = (path: string) => pathFromCheckout(join(folder, path));
  return {
    ...environment,
    ...(erlang && { PATH: `${erlang}:${process.env.PATH}` }),
    HOME: pathFromCheckout(folder), // of Erlang's cookie
    RABBITMQ_NODENAME: brokerName(node),
    RABBITMQ_USE_LONGNAME: 'true',
    RABBITMQ_MNESIA_BASE: below('data'),
    RABBITMQ_LOG_BASE: below('logs'),
    RABBITMQ_CONFIG_FILE: below('rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: below('advanced.config'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: below('enabled_plugins'),
    RABBITMQ_DIST_PORT: String(ports.distribution + nodes.indexOf(node)),
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: node.address,
    ERL_CRASH_DUMP_SECONDS: '0',
    RUNNING_UNDER_SYSTEMD: 'true', // replaces the shell, so that PM2's child is the broker itself
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel net_ticktime 8 -mnesia core_dir "${below('logs')}"`,
  };
}
