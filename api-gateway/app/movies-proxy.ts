import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, Middleware } from 'koa';
import proxies from 'koa-proxies';
import { Exchange, type ExchangeOptions } from './exchange.ts';
import { inventorySpan } from './inventory-span.ts';

/** Everything at and below `/api/movies`, in a target and in a path alike. */
const MOVIES = /^\/api\/movies(?=[/?]|$)/;

export const isMoviesTarget = (target: string) => MOVIES.test(target);

/** Everything at and below `/api/movies` goes to inventory, at `origin`; the rest is passed on. */
export function moviesProxy(origin: string, ownOptions: Omit<ExchangeOptions, 'startSpan'>): Middleware {
  forwardByExchange();
  const options = { ...ownOptions, startSpan: inventorySpan(origin) };
  // Where the exchange's pool goes. Parsed here, because http-proxy parses a text anew for each request; koa-proxies' types know no other.
  const target = new URL(origin) as unknown as string;
  const forward = proxies(MOVIES, (_params, { exchange }) => ({
    target,
    changeOrigin: false, // inventory sees the Host that the client asked for
    exchange,
  }));

  return async (ctx, next) => {
    const { req, res } = ctx;
    const path = req.url ?? ''; // as it came: koa-proxies gets nothing that was parsed or decoded
    if (!isMoviesTarget(path)) return next();
    ctx.respond = false; // the exchange answers, and koa-proxies does not learn when
    const exchange = new Exchange({ req, res, trace: ctx.state.trace }, options);
    ctx.state.exchange = exchange; // for the metrics
    forward({ req, res: UNWATCHED, path, exchange } as unknown as Context, next).catch((error: Error) => {
      options.log.error({ err: error, request_id: ctx.state.requestId, trace_id: ctx.state.traceId }, 'request failed');
      res.destroy();
    });
  };
}

/** Instead of the answer: koa-proxies would make an error, with its stack, of every answer that closes, whole or not. */
const UNWATCHED = { on() {} };

type Pass = (req: IncomingMessage, res: ServerResponse, options: { exchange?: Exchange }) => boolean;

/**
 * The cure. http-proxy forwards in passes, one after the other, until one returns true. Ours comes first and is the last:
 * the others open a connection for each request; with kept connections they rewrite a chunked DELETE to `Content-Length: 0`
 * and still send its body, which inventory would take for a second request; and they leave clients hanging when inventory
 * dies. See docs/decisions/movies-proxy.md.
 */
function forwardByExchange(): void {
  // koa-proxies exports http-proxy's server, which has `before`; the types of both are silent about it.
  const { proxy } = proxies as unknown as { proxy: { before(type: 'web', name: string, pass: Pass): void } };
  proxy.before('web', 'deleteLength', (_req, _res, { exchange }) => {
    exchange?.start();
    return exchange !== undefined;
  });
}
