import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Trace } from './tracing.ts';

/** Header fields as undici read them: names and values in turn. Its types allow other forms, which only a mock gives. */
export type RawFields = readonly Buffer[];

/**
 * Header fields that concern one connection only and are never forwarded (RFC 9110, section 7.6.1). The fields that `Connection` lists go the same way. The whole list: docs/gateway.md.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** What the gateway says of itself, or answers itself: a client's own values are not passed on. */
const REPLACED = new Set([
  'expect', // answered by our own server (RFC 9110, section 10.1.1)
  'forwarded',
  'traceparent',
  'trailer', // trailers of requests are not forwarded (RFC 9110, section 6.5.1)
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
]);

/**
 * The header for inventory as flat name and value pairs: the client's as they came, in order and spelling, without
 * the fields of the connection, and with the gateway's own at the end.
 */
export function requestHeaders(req: IncomingMessage, trace: Trace, traceparent = trace.traceparent): string[] {
  const raw = req.rawHeaders;
  const listed = listedBy(req.headers.connection);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (HOP_BY_HOP.has(name) || REPLACED.has(name) || listed?.has(name)) continue;
    if (name === 'tracestate' && !trace.continued) continue;
    headers.push(raw[i]!, raw[i + 1]!);
  }
  headers.push('x-forwarded-for', req.socket.remoteAddress ?? 'unknown', 'x-forwarded-proto', 'http');
  if (req.headers.host) headers.push('x-forwarded-host', req.headers.host);
  headers.push('via', `${req.httpVersion} api-gateway`, 'x-request-id', trace.requestId, 'traceparent', traceparent);
  return headers;
}

/**
 * Inventory's header as it came, without the fields of the connection, and with the request id at the end.
 * `Trailer` stays only where trailers can follow; Node refuses it elsewhere.
 */
export function responseHeaders(raw: RawFields, trace: Trace, trailersPossible: boolean): string[] {
  const headers: string[] = [];
  let listed: Set<string> | undefined;
  let chunked = false;
  let announced = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toString('latin1');
    const lower = name.toLowerCase();
    const value = raw[i + 1]!.toString('latin1');
    if (lower === 'connection') listed = union(listed, listedBy(value));
    else if (lower === 'transfer-encoding') chunked = true;
    else if (lower === 'trailer') announced = true;
    if (HOP_BY_HOP.has(lower) || lower === 'x-request-id') continue;
    headers.push(name, value);
  }
  if (announced && !(trailersPossible && chunked)) listed = union(listed, new Set(['trailer']));
  const kept = listed ? without(headers, listed) : headers;
  kept.push('X-Request-Id', trace.requestId);
  return kept;
}

/**
 * Inventory's fields beside those that the gateway has set on the answer already (`CORS_ORIGINS`, `RATE_LIMIT`), which win.
 * `Vary` is what both say. `writeHead` would put inventory's in the place of all of them.
 */
export function besideOwn(headers: string[], answer: ServerResponse): string[] {
  const own = answer.getHeaderNames();
  if (own.length === 0) return headers;
  const vary = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]!.toLowerCase() === 'vary').join(', ');
  if (vary && answer.hasHeader('vary')) answer.setHeader('Vary', both(vary, String(answer.getHeader('vary'))));
  return without(headers, new Set(own));
}

function both(vary: string, own: string): string {
  const names = vary.toLowerCase().split(/\s*,\s*/);
  return names.includes('*') || names.includes(own.toLowerCase()) ? vary : `${vary}, ${own}`;
}

/** Raw fields as a list of pairs. */
export function fieldPairs(raw: RawFields): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i]!.toString('latin1'), raw[i + 1]!.toString('latin1')]);
  return pairs;
}

/** The field names in a `Connection` value, except those that say where a message ends or whom it is for. */
function listedBy(connection: string | undefined): Set<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  names.delete('content-length');
  names.delete('host');
  return names;
}

function union(one: Set<string> | undefined, other: Set<string> | undefined): Set<string> | undefined {
  return one && other ? new Set([...one, ...other]) : (one ?? other);
}

function without(headers: string[], names: Set<string>): string[] {
  return headers.filter((_, i) => !names.has(headers[i - (i % 2)]!.toLowerCase()));
}
