import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream } from './harness/raw-upstream.ts';
import { open, type Wire } from './harness/wire.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
const wires: Wire[] = [];
afterEach(async () => {
  for (const { socket } of wires.splice(0)) socket.destroy();
  await gateway.close();
  await upstream.close();
});

async function connection(): Promise<Wire> {
  const wire = await open(gateway.port);
  wires.push(wire);
  return wire;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('Requests that one client sends ahead reach inventory one after the other, in their order', async () => {
  let inHand = 0;
  upstream = await rawUpstream({
    async answer() {
      expect(++inHand).toBe(1);
      await sleep(Math.random() * 4);
      inHand--;
      return ok();
    },
  });
  gateway = await startGateway(upstream.port);
  const wire = await connection();
  const titles = Array.from({ length: 50 }, (_, i) => `{"title":"t${i}"}`);
  for (const body of titles)
    wire.socket.write(`PUT /api/movies/1 HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  for (const _ of titles) expect((await wire.readResponse('PUT')).start).toBe('HTTP/1.1 200 OK');
  expect(upstream.requests.map(({ body }) => body.toString())).toEqual(titles);
});

test.each([
  ['inventory', '/api/movies/1'],
  ['the gateway itself', `/${'x'.repeat(12_000)}`],
])('Clients that send ahead and never read answers of %s hold a place each, and none when they are cut', async (_who, path) => {
  upstream = await rawUpstream({ answer: () => ok('x'.repeat(10_000)), record: false });
  const sockets = () => upstream.sockets.size;
  gateway = await startGateway(upstream.port, { GATEWAY_MAX_REQUESTS_IN_FLIGHT: 9, GATEWAY_IDLE_READER_TIMEOUT: 1000 });
  const hostile = await Promise.all(Array.from({ length: 8 }, connection));
  const burst = get(path).repeat(1000);
  for (const { socket } of hostile) {
    socket.pause();
    for (let i = 0; i < 20; i++) socket.write(burst);
  }
  const honest = await connection();
  for (let i = 0; i < 20; i++) {
    honest.socket.write(get('/api/movies'));
    expect((await honest.readResponse('GET')).start).toBe('HTTP/1.1 200 OK');
  }
  await expect.poll(gateway.server.connections, { timeout: 20_000 }).toBe(1);

  const after = await Promise.all(Array.from({ length: 8 }, connection)); // every place is back: nine at once are served
  for (const wire of [honest, ...after]) wire.socket.write(get('/api/movies'));
  for (const wire of [honest, ...after]) expect((await wire.readResponse('GET')).start).toBe('HTTP/1.1 200 OK');
  expect(sockets()).toBeLessThan(20);
});

test.each([
  ['an order', 'billing', 200],
  ['a film', 'movies', 2000],
])('%s that is too large by its own length is refused before the client sends it', async (_what, route, length) => {
  upstream = await rawUpstream({ answer: () => ok() });
  gateway = await startGateway(upstream.port, { GATEWAY_MAX_ORDER_BYTES: 100, INVENTORY_MAX_BODY_BYTES: 1000 });
  const ask = async (bytes: number) => {
    const wire = await connection();
    wire.socket.write(
      `POST /api/${route} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${bytes}\r\n\r\n`,
    );
    const informational: { start: string }[] = [];
    const answer = wire.readResponse('POST', informational as never);
    return { wire, answer, informational };
  };
  const { answer, informational } = await ask(length);
  expect((await answer).start).toBe('HTTP/1.1 413 Payload Too Large');
  expect(informational).toEqual([]);

  const small = await ask(2);
  await expect.poll(() => small.informational.map(({ start }) => start)).toEqual(['HTTP/1.1 100 Continue']);
  small.wire.socket.write('{}');
  expect((await small.answer).start).toMatch(/^HTTP\/1\.1 (200|400) /);
});
