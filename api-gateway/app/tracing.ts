import { givenRequestId } from '@crud-master/plumbing/request-id';
import { traceAnswer } from '@crud-master/plumbing/server-span';
import type { Span, Spans } from '@crud-master/plumbing/spans';
import { parseTraceparent, randomHex } from '@crud-master/plumbing/trace-context';
import type { Context, Middleware } from 'koa';

/** What identifies a request on its way through the services. */
export interface Trace {
  /** The client's `X-Request-Id` where it is well-formed, else the trace id. */
  requestId: string;
  /** Where the client gave a request id: the id of the trace, for the log. */
  traceId?: string | undefined;
  /** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header */
  traceparent: string;
  /** Whether the client's trace goes on; only then its `tracestate` means anything. */
  continued: boolean;
  /** Where the trace is sampled. */
  span?: Span | undefined;
}

/**
 * Puts a `Trace` into `ctx.state.trace`, and its ids into `ctx.state.requestId` and `ctx.state.traceId`. With `spans`, requests for
 * the API get one; probes and pages do not.
 */
export function tracing(spans: Spans | undefined, routeOf: (ctx: Context) => string | undefined): Middleware {
  return (ctx, next) => {
    const given = ctx.req.headers;
    const parent = parseTraceparent(given.traceparent);
    const begun = spans && ctx.req.url!.startsWith('/api/') ? spans.begin('server', 'request', parent) : undefined;
    const traceId = begun?.traceId ?? parent?.traceId ?? randomHex(16);
    const requestId = givenRequestId(given) ?? traceId;
    const trace: Trace = {
      requestId,
      traceId: traceId === requestId ? undefined : traceId,
      traceparent: begun?.traceparent ?? `00-${traceId}-${randomHex(8)}-${parent?.flags ?? '01'}`,
      continued: parent !== undefined,
      span: begun?.span,
    };
    ctx.state.trace = trace;
    ctx.state.requestId = requestId;
    ctx.state.traceId = trace.traceId;
    if (trace.span) traceAnswer(trace.span, ctx, routeOf);
    return next();
  };
}
