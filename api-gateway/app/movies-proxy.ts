import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Middleware } from 'koa';
import proxies from 'koa-proxies';
import { Exchange, type ExchangeOptions } from './exchange.ts';
import type { Trace } from './tracing.ts';

/** http-proxy's own way to a server: a list of passes, each of which may end the list by returning true. */
interface HttpProxy {
  webPasses: unknown[];
  before(type: 'web', name: string, pass: Pass): void;
}
type Pass = (req: IncomingMessage, res: ServerResponse, options: { exchange?: Exchange }) => boolean;

/**
 * Ends http-proxy's list before it begins. Its own passes open a connection for each request; with kept connections they
 * rewrite a chunked DELETE to `Content-Length: 0` and still send its body, which inventory would then take for a second
 * request; and they leave clients hanging when inventory dies. See docs/decisions/movies-proxy.md.
 */
const exchangePass: Pass = (_req, _res, { exchange }) => {
  exchange?.start();
  return exchange !== undefined;
};

/** Everything at and below `/api/movies` goes to inventory; the rest is passed on. */
export function moviesProxy(options: ExchangeOptions): Middleware {
  const { proxy } = proxies as unknown as { proxy: HttpProxy };
  if (!proxy.webPasses.includes(exchangePass)) proxy.before('web', 'deleteLength', exchangePass);

  // koa-proxies would decode the path to match it; a pattern without groups leaves every byte alone.
  const forward = proxies(/^/ as unknown as string, (_params: unknown, { exchange }) => ({
    target: {} as never, // only has to be there: the exchange knows its way
    exchange,
  }));

  return async (ctx, next) => {
    const { req, res } = ctx;
    if (!isMoviesTarget(req.url ?? '')) return next();
    ctx.respond = false;
    const exchange = new Exchange(req, res, ctx.state.trace as Trace, options);
    forward({ req, res: NO_EVENTS, path: '/', exchange } as never, next).catch((error: Error) => {
      options.log.error({ err: error, request_id: ctx.state.requestId }, 'request failed');
      res.destroy();
    });
  };
}

/** koa-proxies makes an error, with a stack, of every answer that closes, whole or not: it sees no events. */
const NO_EVENTS = { on() {} };

const PREFIX = '/api/movies';

export function isMoviesTarget(target: string): boolean {
  if (!target.startsWith(PREFIX)) return false;
  const after = target[PREFIX.length];
  return after === undefined || after === '/' || after === '?';
}
