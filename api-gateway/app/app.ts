import type { Logger } from '@crud-master/plumbing/log';
import { problem, problems } from '@crud-master/plumbing/problem';
import Koa, { type Middleware } from 'koa';
import { billingRoutes } from './billing.ts';
import type { ExchangeOptions } from './exchange.ts';
import { moviesProxy } from './movies-proxy.ts';
import type { PublishOrder } from './publisher.ts';
import { tracing } from './tracing.ts';

export interface AppParts {
  log: Logger;
  movies: ExchangeOptions;
  publish: PublishOrder;
  maxOrderBytes: number;
  maxRequestsInFlight: number;
}

export function createApp({ log, movies, publish, maxOrderBytes, maxRequestsInFlight }: AppParts): Koa {
  const app = new Koa();
  app.on('error', (error: Error) => log.error({ err: error }, 'request failed'));
  app.use(tracing());
  app.use(accessLog(log));
  app.use(problems(log));
  app.use(admission(maxRequestsInFlight));
  app.use(moviesProxy(movies)); // before any body parser: it forwards the bytes as they come
  app.use(billingRoutes(publish, maxOrderBytes));
  return app;
}

function accessLog(log: Logger): Middleware {
  return (ctx, next) => {
    const start = performance.now();
    const { req, res } = ctx;
    res.once('close', () => {
      log.info({
        request_id: ctx.state.requestId,
        method: req.method,
        path: req.url,
        status: res.headersSent ? res.statusCode : 499,
        ms: Math.round((performance.now() - start) * 10) / 10,
      });
    });
    return next();
  };
}

/** Refuses what comes in a form that only a proxy could serve, and what comes while too much is under way. */
function admission(maxRequestsInFlight: number): Middleware {
  let inFlight = 0;
  return (ctx, next) => {
    if (!ctx.req.url?.startsWith('/')) {
      throw problem(400, { kind: 'bad-request', detail: 'The request target must be a path that begins with "/".' });
    }
    if (ctx.req.headers.host === undefined && ctx.req.httpVersion === '1.1') {
      throw problem(400, { kind: 'bad-request', detail: 'The request has no Host header field.' });
    }
    if (inFlight >= maxRequestsInFlight) {
      throw problem(503, {
        kind: 'overloaded',
        detail: 'Too many requests are under way. Try again in a second.',
        headers: { 'Retry-After': '1' },
      });
    }
    inFlight++;
    ctx.res.once('close', () => inFlight--);
    return next();
  };
}
