import type { Context, Middleware } from 'koa';
import type { Logger } from './log.ts';

/** Learns of each request when it comes, and when its answer is out or its client gone (499). */
export interface Watch {
  begin(): void;
  end(ctx: Context, status: number, milliseconds: number): void;
}

/**
 * One line for each request, when its answer is out or its client gone (499). The request's name is `ctx.state.requestId`;
 * that of its trace, where it is another, `ctx.state.traceId`; that of the order that it became, `ctx.state.messageId`.
 */
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
        trace_id: ctx.state.traceId,
        message_id: ctx.state.messageId,
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
