import type { Context } from 'koa';
import { KNOWN_METHODS } from './known-methods.ts';
import { problemOf } from './problem.ts';
import type { Span } from './spans.ts';

/**
 * Ends the span of a request when its answer is out, or its client gone, and says what it was
 * (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). `routeOf`: the pattern that its path has, where it has one.
 */
export function traceAnswer(span: Span, ctx: Context, routeOf: (ctx: Context) => string | undefined): void {
  const { req, res } = ctx;
  res.on('close', () => {
    const method = KNOWN_METHODS.has(req.method!) ? req.method! : '_OTHER';
    const route = routeOf(ctx);
    const [path, query] = req.url!.split(/\?(.*)/s, 2);
    const status = res.headersSent ? res.statusCode : undefined;
    const name = method === '_OTHER' ? 'HTTP' : method;
    span.rename(route === undefined ? name : `${name} ${route}`);
    span.set({
      'http.request.method': method,
      'http.request.method_original': method === '_OTHER' ? req.method : undefined,
      'http.route': route,
      'http.response.status_code': status,
      'url.scheme': 'http',
      'url.path': path,
      'url.query': query,
    });
    span.end(errorOf(ctx, status));
  });
}

/** A 4xx is the client's fault, and no error of the server. */
function errorOf({ res }: Context, status: number | undefined): string | undefined {
  if (!res.writableFinished) return 'aborted';
  return status !== undefined && status >= 500 ? (problemOf(res) ?? String(status)) : undefined;
}
