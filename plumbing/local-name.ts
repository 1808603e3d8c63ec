import { isIP } from 'node:net';

/** An address, `localhost`, a name without a dot, or one below `.local` or `.localhost`: nobody can register these (DNS rebinding). */
export function isLocalName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '').toLowerCase();
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || !name.includes('.') || /\.(localhost|local|internal|test)$/.test(name);
}
