import type { RequestListener } from 'node:http';
import { createHttpServer, type HttpServer } from '@crud-master/plumbing/http-server';
import type { Logger } from '@crud-master/plumbing/log';
import type { Config } from './config.ts';

/** The server of the gateway, which limits its clients' connections itself. */
export function createInventoryServer(listener: RequestListener, { limits }: Pick<Config, 'limits'>, log: Logger): HttpServer {
  return createHttpServer(listener, {
    ...limits,
    log,
    connections: Number.POSITIVE_INFINITY,
    keepAliveTimeout: 75_000, // longer than the gateway's, or it would send into a connection that just closed
    bodyLimit: () => limits.bodyBytes,
  });
}
