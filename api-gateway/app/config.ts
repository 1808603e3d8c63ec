import {
  ConfigurationError,
  type Environment,
  parseEnvironment,
  share,
  statusAddress,
  variable,
} from '@crud-master/plumbing/environment';
import { readTracing, tracingVariables } from '@crud-master/plumbing/tracing-config';
import { z } from 'zod';

const variables = z.object({
  API_GATEWAY_INSTANCES: variable.instances,
  API_GATEWAY_PORT: variable.port,
  API_GATEWAY_LISTEN_HOST: variable.hosts
    .prefault('0.0.0.0,::')
    .refine(
      (hosts) => hosts.every(({ port }) => port === undefined),
      'must be addresses without a port: that is API_GATEWAY_PORT',
    ),
  CORS_ORIGINS: variable.origins,
  LIVE_PAGE: z.enum(['off', 'local', 'everybody'], 'must be off, local or everybody').prefault('local'),
  LIVE_PAGE_HISTORY: variable.text.optional(),
  INVENTORY_HOST: variable.host,
  INVENTORY_PORT: variable.port,
  INVENTORY_MAX_BODY_BYTES: variable.bytes(1_048_576),
  INVENTORY_TIMEOUT: variable.milliseconds(5000),
  PUBLISH_TIMEOUT: variable.milliseconds(1500),
  RABBITMQ_HOST: variable.hosts,
  RABBITMQ_PORT: variable.port,
  RABBITMQ_VHOST: variable.text,
  RABBITMQ_GATEWAY_USER: variable.text,
  RABBITMQ_GATEWAY_PASSWORD: variable.text,
  CLUSTER_NODES: variable.hosts.optional(),
  BILLING_HOST: variable.host.optional(),
  BILLING_INSTANCES: variable.instances,
  BILLING_METRICS_PORT: variable.statusPort,
  BILLING_QUEUE: variable.text,
  BILLING_DEAD_LETTER_QUEUE: variable.text,
  GATEWAY_MAX_HEADER_BYTES: variable.bytes(16_384),
  GATEWAY_MAX_BODY_BYTES: variable.bytes(10_485_760),
  GATEWAY_MAX_ORDER_BYTES: variable.bytes(102_400),
  GATEWAY_HEADERS_TIMEOUT: variable.milliseconds(10_000),
  GATEWAY_REQUEST_TIMEOUT: variable.milliseconds(30_000),
  GATEWAY_IDLE_READER_TIMEOUT: variable.milliseconds(30_000),
  GATEWAY_DRAIN_TIME: variable.waitingTime,
  GATEWAY_MAX_CONNECTIONS: variable.count(5000),
  GATEWAY_MAX_REQUESTS_IN_FLIGHT: variable.count(1000),
  GATEWAY_MAX_ORDERS_IN_FLIGHT: variable.count(500),
  RATE_LIMIT: variable.count(0, 0),
  RATE_LIMIT_WINDOW: variable.milliseconds(60_000),
  RATE_LIMIT_CLIENTS: variable.count(10_000),
  METRICS_LISTEN_HOST: variable.host.prefault('127.0.0.1'),
  API_GATEWAY_METRICS_PORT: variable.statusPort,
  LOG_LEVEL: variable.logLevel,
  ...tracingVariables,
});

export type Config = ReturnType<typeof loadConfig>;

/** One of several equal machines. */
export interface ClusterNode {
  /** What people call it: no address. */
  name: string;
  /** The place of its broker in `RABBITMQ_HOST`. */
  broker: number;
  /** Where Patroni tells of its PostgreSQL. */
  patroni: { host: string; port: number } | undefined;
}

/** Patroni's own. */
const PATRONI_PORT = 8008;

/** Throws a ConfigurationError that names every bad variable. */
export function loadConfig(environment: Environment) {
  const env = parseEnvironment(variables, environment);
  const instances = env.API_GATEWAY_INSTANCES;
  return {
    instances,
    logLevel: env.LOG_LEVEL,
    status: statusAddress(env.METRICS_LISTEN_HOST, env.API_GATEWAY_METRICS_PORT),
    tracing: readTracing(env, 'api_gateway'),
    listen: { hosts: env.API_GATEWAY_LISTEN_HOST.map(({ host }) => host), port: env.API_GATEWAY_PORT },
    drainTime: env.GATEWAY_DRAIN_TIME,
    corsOrigins: env.CORS_ORIGINS,
    livePage: { audience: env.LIVE_PAGE, history: env.LIVE_PAGE_HISTORY },
    billing: { first: billingAddress(env), instances: env.BILLING_INSTANCES },
    inventory: {
      origin: `http://${env.INVENTORY_HOST.includes(':') ? `[${env.INVENTORY_HOST}]` : env.INVENTORY_HOST}:${env.INVENTORY_PORT}`,
      timeout: env.INVENTORY_TIMEOUT,
      bodyBytes: env.INVENTORY_MAX_BODY_BYTES,
    },
    broker: {
      nodes: env.RABBITMQ_HOST.map(({ host, port = env.RABBITMQ_PORT }) => ({ host, port })),
      vhost: env.RABBITMQ_VHOST,
      user: env.RABBITMQ_GATEWAY_USER,
      password: env.RABBITMQ_GATEWAY_PASSWORD,
      queue: env.BILLING_QUEUE,
      deadLetterQueue: env.BILLING_DEAD_LETTER_QUEUE,
      publishTimeout: env.PUBLISH_TIMEOUT,
      maxInFlight: share(env.GATEWAY_MAX_ORDERS_IN_FLIGHT, instances),
    },
    nodes: clusterNodes(env),
    limits: {
      headerBytes: env.GATEWAY_MAX_HEADER_BYTES,
      bodyBytes: env.GATEWAY_MAX_BODY_BYTES,
      orderBytes: env.GATEWAY_MAX_ORDER_BYTES,
      headersTimeout: env.GATEWAY_HEADERS_TIMEOUT,
      requestTimeout: env.GATEWAY_REQUEST_TIMEOUT,
      idleReaderTimeout: env.GATEWAY_IDLE_READER_TIMEOUT,
      connections: env.GATEWAY_MAX_CONNECTIONS,
      requestsInFlight: share(env.GATEWAY_MAX_REQUESTS_IN_FLIGHT, instances),
    },
    rateLimit: { requests: env.RATE_LIMIT, window: env.RATE_LIMIT_WINDOW, clients: env.RATE_LIMIT_CLIENTS },
  };
}

/** Where billing tells of itself, or nowhere. */
function billingAddress({ BILLING_HOST: host, BILLING_METRICS_PORT: port }: z.infer<typeof variables>) {
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** The nodes by their place in `CLUSTER_NODES`; without it the broker's nodes, and none where it has one. */
function clusterNodes({ CLUSTER_NODES: nodes, RABBITMQ_HOST: brokers }: z.infer<typeof variables>): ClusterNode[] {
  const name = (place: number) => `node-${place + 1}`;
  if (nodes === undefined)
    return brokers.length > 1 ? brokers.map((_, i) => ({ name: name(i), broker: i, patroni: undefined })) : [];
  const hostsOf = (entries: { host: string }[]) => entries.map(({ host }) => host);
  if (hostsOf(nodes).sort().join() !== hostsOf(brokers).sort().join()) {
    throw new ConfigurationError(
      `The configuration is not usable: CLUSTER_NODES and RABBITMQ_HOST must name the same hosts, in any order (they are "${hostsOf(nodes)}" and "${hostsOf(brokers)}").`,
    );
  }
  return nodes.map(({ host, port = PATRONI_PORT }, i) => ({
    name: name(i),
    broker: hostsOf(brokers).indexOf(host),
    patroni: { host, port },
  }));
}
