import kcors from '@koa/cors';
import type { Middleware } from 'koa';

/** What a page may read of an answer, besides the fields that browsers always show. */
const EXPOSED = ['Location', 'Link', 'Allow', 'Retry-After', 'X-Request-Id', 'RateLimit', 'RateLimit-Policy'];

/** Seconds that a browser may remember the answer to a preflight. */
const MAX_AGE = 600;

/**
 * Lets pages of these origins use the gateway (https://fetch.spec.whatwg.org/#http-cors-protocol); `*` is any. Preflights
 * that they send are answered here, and may ask for any header field. Without origins nothing differs.
 */
export function cors(origins: readonly string[]): Middleware {
  if (origins.length === 0) return (_ctx, next) => next();
  const anyone = origins.includes('*');
  return kcors({
    origin: anyone ? '*' : (ctx) => (origins.includes(ctx.get('Origin')) ? ctx.get('Origin') : ''),
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    exposeHeaders: EXPOSED,
    maxAge: MAX_AGE,
  });
}
