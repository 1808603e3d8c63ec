import type { Middleware } from 'koa';
import type { Logger } from './log.ts';

/** One line for each request, when its answer is out or its client gone (499). The request's name is `ctx.state.requestId`. */
export function accessLog(log: Logger): Middleware {
  return (ctx, next) => {
    const start = performance.now();
    const { req, res } = ctx;
    res.on('close', () => {
      log.info({
        request_id: ctx.state.requestId,
        method: req.method,
        path: req.url,
        status: res.headersSent ? res.statusCode : 499,
        ms: Math.round((performance.now() - start) * 10) / 10,
        ...(!res.writableFinished && { aborted: true }),
      });
    });
    return next();
  };
}
