import type { Context, Middleware } from 'koa';
import type { Logger } from './log.ts';

/** Learns of each request when it comes, and when its answer is out or its client gone (499). */
export interface Watch {
  begin(): void;
  end(ctx: Context, status: number, milliseconds: number): void;
}

/** One line for each request, when its answer is out or its client gone (499). The request's name is `ctx.state.requestId`. */
export function accessLog(log: Logger, watch: Watch): Middleware {
  return (ctx, next) => {
    const start = performance.now();
    const { req, res } = ctx;
    watch.begin();
    res.on('close', () => {
      const status = res.headersSent ? res.statusCode : 499;
      const milliseconds = performance.now() - start;
      watch.end(ctx, status, milliseconds);
      log.info({
        request_id: ctx.state.requestId,
        method: req.method,
        path: req.url,
        status,
        ms: Math.round(milliseconds * 10) / 10,
        ...(!res.writableFinished && { aborted: true }),
      });
    });
    return next();
  };
}
