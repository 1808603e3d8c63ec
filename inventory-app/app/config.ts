import { type Environment, parseEnvironment, share, statusAddress, variable } from '@crud-master/plumbing/environment';
import { readTracing, tracingVariables } from '@crud-master/plumbing/tracing-config';
import { z } from 'zod';

const variables = z.object({
  INVENTORY_INSTANCES: variable.instances,
  INVENTORY_HOST: variable.host,
  INVENTORY_PORT: variable.port,
  INVENTORY_LISTEN_HOST: variable.host.optional(),
  INVENTORY_MAX_BODY_BYTES: variable.bytes(1_048_576),
  // Longer than the gateway's, which adds a few fields to the header that it forwards
  INVENTORY_MAX_HEADER_BYTES: variable.bytes(32_768),
  INVENTORY_HEADERS_TIMEOUT: variable.milliseconds(10_000),
  INVENTORY_REQUEST_TIMEOUT: variable.milliseconds(30_000),
  // Longer than the gateway's, which leaves an answer unread while its client does
  INVENTORY_IDLE_READER_TIMEOUT: variable.milliseconds(40_000),
  MOVIES_DB_HOST: variable.host,
  MOVIES_DB_PORT: variable.port,
  MOVIES_DB_READ_HOST: variable.host.optional(),
  MOVIES_DB_READ_PORT: variable.port.optional(),
  MOVIES_DB_NAME: variable.text,
  MOVIES_DB_USER: variable.text,
  MOVIES_DB_PASSWORD: variable.text,
  MOVIES_DB_CONNECTIONS: variable.count(10),
  // Together below the gateway's INVENTORY_TIMEOUT, so that the client learns that it is the database
  MOVIES_DB_CONNECT_TIMEOUT: variable.milliseconds(1500),
  MOVIES_DB_QUERY_TIMEOUT: variable.milliseconds(3000),
  MOVIES_DB_HANDOVER_TIMEOUT: variable.waitingTime,
  METRICS_LISTEN_HOST: variable.host.prefault('127.0.0.1'),
  INVENTORY_METRICS_PORT: variable.statusPort,
  LOG_LEVEL: variable.logLevel,
  ...tracingVariables,
});

const renamed = {
  INVENTORY_BODY_LIMIT: 'INVENTORY_MAX_BODY_BYTES',
  INVENTORY_HEADER_LIMIT: 'INVENTORY_MAX_HEADER_BYTES',
};

export type Config = ReturnType<typeof loadConfig>;

/** Throws a ConfigurationError that names every bad variable. */
export function loadConfig(environment: Environment) {
  const env = parseEnvironment(variables, environment, renamed);
  return {
    instances: env.INVENTORY_INSTANCES,
    logLevel: env.LOG_LEVEL,
    status: statusAddress(env.METRICS_LISTEN_HOST, env.INVENTORY_METRICS_PORT),
    tracing: readTracing(env, 'inventory_app'),
    listen: { host: env.INVENTORY_LISTEN_HOST ?? env.INVENTORY_HOST, port: env.INVENTORY_PORT },
    limits: {
      headerBytes: env.INVENTORY_MAX_HEADER_BYTES,
      bodyBytes: env.INVENTORY_MAX_BODY_BYTES,
      headersTimeout: env.INVENTORY_HEADERS_TIMEOUT,
      requestTimeout: env.INVENTORY_REQUEST_TIMEOUT,
      idleReaderTimeout: env.INVENTORY_IDLE_READER_TIMEOUT,
    },
    database: {
      host: env.MOVIES_DB_HOST,
      port: env.MOVIES_DB_PORT,
      /** Where films are read, when that is another place. */
      readers:
        env.MOVIES_DB_READ_HOST === undefined && env.MOVIES_DB_READ_PORT === undefined
          ? undefined
          : { host: env.MOVIES_DB_READ_HOST ?? env.MOVIES_DB_HOST, port: env.MOVIES_DB_READ_PORT ?? env.MOVIES_DB_PORT },
      name: env.MOVIES_DB_NAME,
      user: env.MOVIES_DB_USER,
      password: env.MOVIES_DB_PASSWORD,
      connections: share(env.MOVIES_DB_CONNECTIONS, env.INVENTORY_INSTANCES),
      connectTimeout: env.MOVIES_DB_CONNECT_TIMEOUT,
      queryTimeout: env.MOVIES_DB_QUERY_TIMEOUT,
      /** Milliseconds that a query waits for a database that has just gone; 0: none. */
      handoverTimeout: env.MOVIES_DB_HANDOVER_TIMEOUT,
    },
  };
}
