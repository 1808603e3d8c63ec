import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { unreadyParts } from '../findings.ts';

const since = '2026-11-26T22:14:28.777Z';
const up = { state: 'up', since };
const down = (reason: string) => ({ state: 'down', since, reason });

test.each([
  ['nothing, while all parts work', 200, { inventory: up, broker: up }, []],
  [
    'what it can do without, too',
    200,
    { inventory: up, broker: down('is out of memory or disk') },
    ['api_gateway finds: broker is out of memory or disk.'],
  ],
  [
    'all that is down',
    503,
    { inventory: down('is not ready'), broker: down('is not connected') },
    ['api_gateway finds: inventory is not ready.', 'api_gateway finds: broker is not connected.'],
  ],
])('Of a gateway that shows its page to nobody one learns %s', async (_, status, parts, findings) => {
  const server = createServer(({ url }, res) => {
    res.statusCode = url === '/readyz' ? status : 404;
    res.end(JSON.stringify({ status: 'ok', parts }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    expect(await unreadyParts(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 3000)).toEqual(findings);
  } finally {
    server.close();
  }
});
