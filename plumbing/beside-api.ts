import type { Middleware } from 'koa';

/** Leaves requests for the API alone: they are the many, and a router looks at every path with every pattern. */
export const besideApi = (middleware: unknown): Middleware => {
  const act = middleware as Middleware; // of a router: its context has more, which it adds itself
  return (ctx, next) => (ctx.req.url!.startsWith('/api/') ? next() : act(ctx, next));
};
