import type { Middleware } from 'koa';
import { describe, expect, test } from 'vitest';
import { network, rateLimit } from '../app/rate-limit.ts';

describe('A client', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
  ])('%s is known as %s', (address, known) => expect(network(address)).toBe(known));
});

test('the table of clients does not grow beyond its size: who came first is forgotten first', () => {
  const limit = rateLimit({ requests: 1, window: 1000, clients: 2 }, () => 0);
  const send = (address: string) => {
    const ctx = { req: { socket: { remoteAddress: address } }, set() {} };
    try {
      (limit as Middleware<object, object>)(ctx as never, async () => {});
      return 'served';
    } catch {
      return 'refused';
    }
  };
  expect(['a', 'a', 'b', 'b', 'c', 'a', 'c'].map(send)).toEqual([
    'served', 'refused', 'served', 'refused', 'served', 'served', 'refused',
  ]); // biome-ignore format: one for each
});
