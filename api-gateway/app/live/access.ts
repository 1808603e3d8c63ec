import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { isLocalName } from '@crud-master/plumbing/local-name';

/** Who may see the live page. */
export type Audience = 'off' | 'local' | 'everybody';

/** Loopback, private and link-local addresses, and those for tests of networks, which nodes on one computer have (RFC 1918, 2544, 4193, 6890). */
const LOCAL = new BlockList();
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['198.18.0.0', 15],
] as const)
  LOCAL.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  LOCAL.addSubnet(network, prefix, 'ipv6');

/**
 * Whether the sender of that request belongs to the audience. Behind a proxy every address that the proxy names has to be local
 * as well. The name by which a local page was asked for must be one that no stranger can point here (DNS rebinding).
 */
export function maySee(audience: Audience, req: IncomingMessage): boolean {
  if (audience === 'everybody') return true;
  if (audience === 'off') return false;
  if (req.headers.forwarded !== undefined) return false; // who forwards by RFC 7239 is a proxy for strangers
  const named = [req.headers['x-forwarded-for'], req.headers['x-real-ip']]
    .join()
    .split(',')
    .map((address) => address.trim())
    .filter(Boolean);
  return [req.socket.remoteAddress ?? '', ...named].every(isLocal) && isLocalName(req.headers.host ?? '');
}

function isLocal(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const family = isIP(plain);
  return family !== 0 && LOCAL.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** A page of another site asks: by `fetch`, by `EventSource`, in a frame. Where the browser does not say, it is none. */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site === 'cross-site' || site === 'same-site';
}
