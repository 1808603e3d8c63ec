import { randomFillSync } from 'node:crypto';

/** What a `traceparent` says, in hexadecimal: https://www.w3.org/TR/trace-context/#traceparent-header */
export interface TraceParent {
  traceId: string;
  spanId: string;
  flags: string;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Undefined for anything that is not well-formed. */
export function parseTraceparent(header: unknown): TraceParent | undefined {
  const [, traceId, spanId, flags] = (typeof header === 'string' && TRACEPARENT.exec(header)) || [];
  return traceId === undefined ? undefined : { traceId, spanId: spanId!, flags: flags! };
}

const pool = Buffer.allocUnsafe(8192);
let used = pool.length;

/** Random bytes as hexadecimal digits, drawn from the system 8 KiB at a time. */
export function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.toString('hex', used - bytes, used);
}
