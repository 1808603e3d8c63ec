import type { Middleware } from 'koa';

/**
 * Leaves requests for the API alone: they are the many, and a router looks at every path with every pattern. And what is no path
 * (`http://elsewhere/`), which Koa would make one of.
 */
export const besideApi = (middleware: unknown): Middleware => {
  const act = middleware as Middleware; // of a router: its context has more, which it adds itself
  return (ctx, next) => {
    const target = ctx.req.url!;
    return target.startsWith('/api/') || !target.startsWith('/') ? next() : act(ctx, next);
  };
};
