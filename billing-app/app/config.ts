import { type Environment, parseEnvironment, share, statusAddress, variable } from '@crud-master/plumbing/environment';
import { readTracing, tracingVariables } from '@crud-master/plumbing/tracing-config';
import { z } from 'zod';

const variables = z.object({
  BILLING_INSTANCES: variable.instances,
  ORDERS_DB_HOST: variable.host,
  ORDERS_DB_PORT: variable.port,
  ORDERS_DB_NAME: variable.text,
  ORDERS_DB_USER: variable.text,
  ORDERS_DB_PASSWORD: variable.text,
  RABBITMQ_HOST: variable.hosts,
  RABBITMQ_PORT: variable.port,
  RABBITMQ_VHOST: variable.text,
  RABBITMQ_BILLING_USER: variable.text,
  RABBITMQ_BILLING_PASSWORD: variable.text,
  BILLING_QUEUE: variable.text,
  BILLING_DEAD_LETTER_QUEUE: variable.text,
  BILLING_PREFETCH: variable.count(2000),
  // At most as much as JSON.parse certainly survives, and reads before a heartbeat is missed.
  BILLING_MAX_MESSAGE_BYTES: variable.bytes(1_048_576, 1_048_576),
  MESSAGE_ID_RETENTION_DAYS: variable.count(30),
  METRICS_LISTEN_HOST: variable.host.prefault('127.0.0.1'),
  BILLING_METRICS_PORT: variable.statusPort,
  LOG_LEVEL: variable.logLevel,
  ...tracingVariables,
});

export type Config = ReturnType<typeof loadConfig>;

/** Throws a ConfigurationError that names every bad variable. */
export function loadConfig(environment: Environment) {
  const env = parseEnvironment(variables, environment);
  return {
    instances: env.BILLING_INSTANCES,
    logLevel: env.LOG_LEVEL,
    status: statusAddress(env.METRICS_LISTEN_HOST, env.BILLING_METRICS_PORT),
    tracing: readTracing(env, 'billing_app'),
    database: {
      host: env.ORDERS_DB_HOST,
      port: env.ORDERS_DB_PORT,
      database: env.ORDERS_DB_NAME,
      user: env.ORDERS_DB_USER,
      password: env.ORDERS_DB_PASSWORD,
    },
    broker: {
      nodes: env.RABBITMQ_HOST.map(({ host, port = env.RABBITMQ_PORT }) => ({ host, port })),
      vhost: env.RABBITMQ_VHOST,
      user: env.RABBITMQ_BILLING_USER,
      password: env.RABBITMQ_BILLING_PASSWORD,
      queue: env.BILLING_QUEUE,
      deadLetterQueue: env.BILLING_DEAD_LETTER_QUEUE,
      prefetch: share(env.BILLING_PREFETCH, env.BILLING_INSTANCES),
    },
    maxMessageBytes: env.BILLING_MAX_MESSAGE_BYTES,
    messageIdRetentionDays: env.MESSAGE_ID_RETENTION_DAYS,
  };
}
