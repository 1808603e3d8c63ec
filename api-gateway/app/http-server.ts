import type { RequestListener } from 'node:http';
import { createHttpServer, type HttpServer } from '@crud-master/plumbing/http-server';
import type { Logger } from '@crud-master/plumbing/log';
import type { Config } from './config.ts';
import { isMoviesTarget } from './movies-proxy.ts';

/** The server of clients: what limits a body is up to whom it goes to. */
export function createGatewayServer(
  listener: RequestListener,
  { limits, inventory }: Pick<Config, 'limits' | 'inventory'>,
  log: Logger,
): HttpServer {
  const filmBytes = Math.min(limits.bodyBytes, inventory.bodyBytes);
  return createHttpServer(listener, {
    ...limits,
    log,
    keepAliveTimeout: 65_000, // longer than what load balancers keep idle connections
    bodyLimit: ({ url }) => (isMoviesTarget(url ?? '') ? filmBytes : limits.orderBytes),
  });
}
