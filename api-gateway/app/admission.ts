import type { IncomingMessage } from 'node:http';
import { problem } from '@crud-master/plumbing/problem';
import type { Middleware } from 'koa';

/**
 * Lets a request in, or refuses it: with 400 when two servers could read it differently, or when it is meant for a forward
 * proxy (docs/gateway.md, "What is refused"); with 503 when `maxRequestsInFlight` requests wait for their answers already.
 */
export function admission(maxRequestsInFlight: number): Middleware {
  let inFlight = 0;
  return (ctx, next) => {
    const fault = faultOf(ctx.req);
    if (fault) throw problem(400, { kind: 'bad-request', detail: fault, headers: { Connection: 'close' } });
    if (inFlight >= maxRequestsInFlight) {
      throw problem(503, {
        kind: 'overloaded',
        detail: 'Too many requests are under way. Try again in a second.',
        headers: { 'Retry-After': '1' },
      });
    }
    inFlight++;
    ctx.res.once('close', () => inFlight--);
    return next();
  };
}

/** RFC 9110, section 7.2: a name or an address, and perhaps a port (RFC 3986, section 3.2.2). */
const HOST = /^(?:\[[0-9A-Za-z:.%_~-]+\]|[\w.~%!$&'()*+,;=-]*)(?::\d*)?$/;

/** What is wrong with the request, for the client to read. */
function faultOf(req: IncomingMessage): string | undefined {
  if (!req.url?.startsWith('/')) return 'The request target must be a path that begins with "/".';
  if (req.url.includes('#')) return 'The request target must not have a "#": write %23 for one in a name.';
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') return 'The HTTP version must be 1.1 or 1.0.';
  if (countHosts(req.rawHeaders) > 1) return 'The request has more than one Host header field.';
  if (req.headers.host && !HOST.test(req.headers.host)) return 'The Host header field is not a host name with or without a port.';
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || req.httpVersion !== '1.1')) {
    return 'The only transfer coding understood here is "chunked", in HTTP/1.1.';
  }
  return undefined;
}

/** Of all fields as they came: `req.headers` keeps the first Host only. */
function countHosts(rawHeaders: string[]): number {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++;
  }
  return hosts;
}
