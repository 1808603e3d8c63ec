import type { RequestListener } from 'node:http';
import { createHttpServer, type HttpServer } from '@crud-master/plumbing/http-server';
import type { Logger } from '@crud-master/plumbing/log';
import type { Config } from './config.ts';

/** The server of the gateway, which limits its clients' connections itself. */
export function createInventoryServer(
  listener: RequestListener,
  { http, bodyLimit }: Pick<Config, 'http' | 'bodyLimit'>,
  log: Logger,
): HttpServer {
  return createHttpServer(listener, {
    ...http,
    log,
    connections: Number.POSITIVE_INFINITY,
    keepAliveTimeout: 75_000, // longer than the gateway's, or it would send into a connection that just closed
    bodyLimit: () => bodyLimit,
  });
}
