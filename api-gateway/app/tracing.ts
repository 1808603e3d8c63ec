import { randomFillSync } from 'node:crypto';
import { givenRequestId } from '@crud-master/plumbing/request-id';
import type { Middleware } from 'koa';

/** What identifies a request on its way through the services. */
export interface Trace {
  /** The client's `X-Request-Id` where it is well-formed, else the trace id. */
  requestId: string;
  /** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header */
  traceparent: string;
  /** Whether the client's trace goes on; only then its `tracestate` means anything. */
  continued: boolean;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** Puts a `Trace` into `ctx.state.trace`, and its request id into `ctx.state.requestId`. */
export function tracing(): Middleware {
  return (ctx, next) => {
    const given = ctx.req.headers;
    const parent = typeof given.traceparent === 'string' ? TRACEPARENT.exec(given.traceparent) : null;
    const traceId = parent?.[1] ?? randomHex(16);
    const trace: Trace = {
      requestId: givenRequestId(given) ?? traceId,
      traceparent: `00-${traceId}-${randomHex(8)}-${parent?.[2] ?? '01'}`,
      continued: parent !== null,
    };
    ctx.state.trace = trace;
    ctx.state.requestId = trace.requestId;
    return next();
  };
}

const pool = Buffer.allocUnsafe(8192);
let used = pool.length;

/** Random bytes as hexadecimal digits, drawn from the system 8 KiB at a time. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
