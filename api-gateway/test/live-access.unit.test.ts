import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { isFromElsewhere, maySee } from '../app/live/access.ts';

const request = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers: { host: 'localhost:3000', ...headers } }) as unknown as IncomingMessage;

test.each([
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  '10.1.2.3',
  '172.31.0.1',
  '192.168.56.1',
  '169.254.1.1',
  '198.19.49.142', // a node's own network: docs/cluster.md
  'fd00::1',
  'fe80::1%eth0',
])('%s is local', (address) => {
  expect(maySee('local', request(address))).toBe(true);
});

test.each([
  '8.8.8.8',
  '172.32.0.1',
  '192.169.0.1',
  '198.17.0.1',
  '198.20.0.1',
  '2001:db8::1',
  '::ffff:8.8.8.8',
  '',
  'unix',
  '127.0.0.1.example',
])('%s is not', (address) => {
  expect(maySee('local', request(address))).toBe(false);
});

test.each([
  ['a proxy on this computer that speaks for a stranger', { 'x-forwarded-for': '8.8.8.8' }],
  ['one that speaks for several', { 'x-forwarded-for': '10.0.0.1, 8.8.8.8' }],
  ['one that names nobody that can be read', { 'x-forwarded-for': 'unknown' }],
  ['one that says it by another field', { 'x-real-ip': '8.8.8.8' }],
  ['one that says so by RFC 7239', { forwarded: 'for=127.0.0.1' }],
  ['a name that a stranger can point here', { host: 'rebound.example:3000' }],
  ['an address inside of such a name', { host: '127.0.0.1.rebound.example' }],
])('local is not %s', (_what, headers) => {
  expect(maySee('local', request('127.0.0.1', headers))).toBe(false);
});

test.each([
  '127.0.0.1:3000',
  '[::1]:3000',
  'localhost',
  'gateway-vm:3000',
  'films.localhost',
  'box.local',
  '192.168.56.10',
  'localhost.',
])('a local page may be asked for as %s', (host) => {
  expect(maySee('local', request('192.168.56.1', { host, 'x-forwarded-for': '192.168.56.7' }))).toBe(true);
});

test('everybody is everybody, and off is nobody', () => {
  expect(maySee('everybody', request('8.8.8.8', { host: 'films.example' }))).toBe(true);
  expect(maySee('off', request('127.0.0.1'))).toBe(false);
});

test.each([
  ['cross-site', true],
  ['same-site', true], // another port of this computer
  ['same-origin', false],
  ['none', false],
  [undefined, false],
])('a request that a browser calls %s', (site, elsewhere) => {
  expect(isFromElsewhere(request('127.0.0.1', site ? { 'sec-fetch-site': site } : {}))).toBe(elsewhere);
});
