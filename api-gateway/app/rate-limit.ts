import { problem } from '@crud-master/plumbing/problem';
import type { Middleware } from 'koa';

export interface RateLimit {
  /** Requests that a client may send in a window; 0 is no limit. */
  requests: number;
  /** Milliseconds. */
  window: number;
  /** Clients that are counted at the same time. Beyond that the one whose window began first is forgotten. */
  clients: number;
}

interface Window {
  used: number;
  /** Milliseconds of `performance.now()`. */
  ends: number;
}

/**
 * Counts the requests of each client in fixed windows and answers 429 beyond the limit. The fields tell a client where it
 * stands (draft-ietf-httpapi-ratelimit-headers, "RateLimit-Policy" and "RateLimit").
 */
export function rateLimit({ requests, window, clients }: RateLimit, now = () => performance.now()): Middleware {
  if (requests === 0) return (_ctx, next) => next();
  const seconds = (milliseconds: number) => Math.ceil(milliseconds / 1000);
  const policy = `"client";q=${requests};w=${seconds(window)}`;
  const windows = new Map<string, Window>(); // in the order of their beginning

  const current = (client: string): Window => {
    const known = windows.get(client);
    if (known && known.ends > now()) return known;
    windows.delete(client);
    if (windows.size >= clients) windows.delete(windows.keys().next().value!);
    const fresh = { used: 0, ends: now() + window };
    windows.set(client, fresh);
    return fresh;
  };

  return (ctx, next) => {
    const mine = current(network(ctx.req.socket.remoteAddress ?? ''));
    mine.used++;
    const reset = seconds(mine.ends - now());
    ctx.set('RateLimit-Policy', policy);
    ctx.set('RateLimit', `"client";r=${Math.max(0, requests - mine.used)};t=${reset}`);
    if (mine.used <= requests) return next();
    throw problem(429, {
      kind: 'too-many-requests',
      detail: `More than ${requests} requests within ${seconds(window)} s. Try again in ${reset} s.`,
      headers: { 'Retry-After': String(reset) },
    });
  };
}

/** Who sends: an IPv4 address, or the /64 network of an IPv6 address, because one client has all of that. */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array(zeros).fill('0'), ...right].slice(0, 4).join(':');
}
