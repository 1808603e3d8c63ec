import type { IncomingMessage } from 'node:http';
import { problem } from '@crud-master/plumbing/problem';
import type { Trace } from './tracing.ts';

/**
 * Header fields that concern one connection only and are never forwarded (RFC 9110, section 7.6.1), with `Expect`, which
 * Node answers itself, and `Trailer`, because trailers of requests are not forwarded (RFC 9110, section 6.5.1 allows that).
 * The fields that `Connection` lists go the same way.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What the gateway says of itself: a client's own values are not believed. */
const REPLACED = new Set([
  'expect',
  'forwarded',
  'traceparent',
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
 * Throws 400 where two readings of the request are possible.
 */
export function requestHeaders(req: IncomingMessage, trace: Trace): string[] {
  const raw = req.rawHeaders;
  const listed = listedBy(req.headers.connection);
  const headers: string[] = [];
  let hosts = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    if (HOP_BY_HOP.has(name) || REPLACED.has(name) || listed?.has(name)) continue;
    if (name === 'tracestate' && !trace.continued) continue;
    if (name === 'host') hosts++;
    headers.push(raw[i]!, raw[i + 1]!);
  }
  if (hosts > 1) throw problem(400, { kind: 'bad-request', detail: 'The request has more than one Host header field.' });
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || req.httpVersion !== '1.1')) {
    throw problem(400, { kind: 'bad-request', detail: 'The only transfer coding understood here is "chunked", in HTTP/1.1.' });
  }
  headers.push(
    'x-forwarded-for',
    req.socket.remoteAddress ?? 'unknown',
    'x-forwarded-proto',
    'http',
    'via',
    `${req.httpVersion} api-gateway`,
    'x-request-id',
    trace.requestId,
    'traceparent',
    trace.traceparent,
  );
  if (req.headers.host) headers.push('x-forwarded-host', req.headers.host);
  return headers;
}

/** Inventory's header as it came, without the fields of the connection, and with the request id at the end. */
export function responseHeaders(raw: readonly (Buffer | string)[], trace: Trace): string[] {
  const headers: string[] = [];
  let listed: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i]!);
    const lower = name.toLowerCase();
    const value = text(raw[i + 1]!);
    if (lower === 'connection') listed = union(listed, listedBy(value));
    if (HOP_BY_HOP.has(lower) || lower === 'x-request-id') continue;
    headers.push(name, value);
  }
  headers.push('X-Request-Id', trace.requestId);
  return listed ? without(headers, listed) : headers;
}

const text = (value: Buffer | string) => (typeof value === 'string' ? value : value.toString('latin1'));

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
