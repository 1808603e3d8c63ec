import { randomUUID } from 'node:crypto';
import type { Logger } from '@crud-master/plumbing/log';
import type { Middleware } from 'koa';

/** One line for each request, when its answer is out or its client gone. The gateway names the request. */
export function accessLog(log: Logger): Middleware {
  return (ctx, next) => {
    const start = performance.now();
    const given = ctx.get('X-Request-Id');
    ctx.state.requestId = /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
    ctx.res.once('close', () => {
      log.info({
        request_id: ctx.state.requestId,
        method: ctx.method,
        path: ctx.path,
        status: ctx.res.headersSent ? ctx.res.statusCode : 499,
        ms: Math.round((performance.now() - start) * 10) / 10,
        ...(!ctx.res.writableFinished && { aborted: true }),
      });
    });
    return next();
  };
}
