import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { standardOutput } from '@crud-master/plumbing/output';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';

let inventory: Server | undefined;
let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  inventory?.closeAllConnections();
  inventory?.close();
});

async function start(
  listener: RequestListener,
  broker: Parameters<typeof startGateway>[3] = { obstacle: undefined },
  settings: Record<string, string> = {},
) {
  inventory = createServer(listener).listen(0, '127.0.0.1');
  await once(inventory, 'listening');
  gateway = await startGateway((inventory.address() as AddressInfo).port, settings, undefined, broker);
}

const ask = async (path: string, method = 'GET') => {
  const answer = await fetch(`http://127.0.0.1:${gateway!.port}${path}`, { method });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const ready: RequestListener = (_req, res) => res.end('{"status":"ok","parts":{}}');

describe.each(['/readyz', '/health'])('%s', (path) => {
  test('is 200 when films can be served and orders taken', async () => {
    await start(ready);
    const { status, text, headers } = await ask(path);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(JSON.parse(text)).toEqual({
      status: 'ok',
      parts: {
        inventory: { state: 'up', since: expect.stringMatching(/^\d{4}-.*Z$/) },
        broker: { state: 'up', since: expect.any(String) },
      },
    });
  });

  test('is 200 with a warning when only orders are refused', async () => {
    await start(ready, { obstacle: 'silent' });
    const { status, text } = await ask(path);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      status: 'ok',
      parts: { broker: { state: 'down', reason: 'does not confirm' } },
      warnings: ['broker: does not confirm'],
    });
  });
});

test('with its database away, inventory says so through the gateway', async () => {
  await start((_req, res) => {
    res.statusCode = 503;
    res.end('{"status":"unavailable","parts":{"database":{"state":"down","reason":"cannot be reached"}}}');
  });
  const { status, text } = await ask('/readyz');
  expect(status).toBe(503);
  expect(JSON.parse(text)).toMatchObject({
    status: 'unavailable',
    parts: { inventory: { state: 'down', reason: 'its database cannot be reached' } },
  });
});

test('without inventory it is 503, and names no address', async () => {
  await start(ready);
  inventory!.close();
  const { status, text } = await ask('/readyz');
  expect(status).toBe(503);
  expect(JSON.parse(text).parts.inventory).toMatchObject({ state: 'down', reason: 'cannot be reached' });
  expect(text).not.toMatch(/127\.|ECONN/);
});

test('a frozen inventory is noticed within 1.5 s, and the process is alive meanwhile', async () => {
  await start(() => {});
  const began = performance.now();
  const [live, frozen] = await Promise.all([ask('/livez'), ask('/readyz')]);
  expect(performance.now() - began).toBeLessThan(1500);
  expect(live.status).toBe(200);
  expect(JSON.parse(frozen.text).parts.inventory.reason).toBe('does not answer within 1000 ms');
});

test('a frozen inventory costs one connection, however long it lasts', async () => {
  const open = new Set<unknown>();
  await start(() => {});
  inventory!.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  for (let n = 0; n < 3; n++) await ask('/readyz');
  await expect.poll(() => open.size).toBeLessThanOrEqual(1);
});

test('an inventory that freezes within its answer ends nothing but the check', async () => {
  await start((_req, res) => {
    res.writeHead(200, { 'Content-Length': 100 });
    res.write('{');
  });
  expect(JSON.parse((await ask('/readyz')).text).parts.inventory.reason).toBe('does not answer within 1000 ms');
  expect((await ask('/livez')).status).toBe(200);
});

test('what is not JSON from inventory does not make it ready', async () => {
  await start((_req, res) => {
    res.statusCode = 404;
    res.end('<html>');
  });
  expect((await ask('/readyz')).status).toBe(503);
});

test('however many ask at once, inventory is asked once', async () => {
  let asked = 0;
  await start((req, res) => {
    asked++;
    ready(req, res as never);
  });
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('/readyz')));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(asked).toBe(1);
});

test('a state keeps the time at which it was first seen', async () => {
  let works = true;
  await start((_req, res) => {
    res.statusCode = works ? 200 : 503;
    res.end('{"parts":{}}');
  });
  const since = async () => JSON.parse((await ask('/readyz')).text).parts.inventory.since as string;
  const first = await since();
  await new Promise((resolve) => setTimeout(resolve, 600)); // longer than an answer holds
  expect(await since()).toBe(first);
  works = false;
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(await since()).not.toBe(first);
});

test('other methods are answered 405', async () => {
  await start(ready);
  const { status, headers } = await ask('/readyz', 'POST');
  expect(status).toBe(405);
  expect(headers.get('allow')).toBe('HEAD, GET');
});

test('is no error of the gateway when who asked has gone before the answer', async () => {
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  await start(
    async (_req, res) => {
      asked.resolve();
      await left.promise;
      res.end('{"status":"ok","parts":{}}');
    },
    undefined,
    { LOG_LEVEL: 'info' },
  );
  const lines = vi.spyOn(standardOutput, 'write').mockReturnValue();
  const socket = connect(gateway!.port, '127.0.0.1');
  socket.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  socket.resetAndDestroy();
  await expect.poll(() => gateway!.server.connections()).toBe(0);
  left.resolve();
  await ask('/readyz');
  expect(lines.mock.calls.join('\n')).not.toContain('error');
});
