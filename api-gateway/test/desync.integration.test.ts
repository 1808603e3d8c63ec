import { afterAll, beforeAll, expect, test } from 'vitest';
import { AIM, vectors } from './harness/desync-vectors.ts';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream } from './harness/raw-upstream.ts';
import { open, sendBytes } from './harness/wire.ts';

let upstream: RawUpstream;
let gateway: TestGateway;

const targetOf = ({ start }: { start: string }) => start.split(' ')[1]!;

beforeAll(async () => {
  // The answer names the target that it is for.
  upstream = await rawUpstream({
    answer: (request) => (request.start.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\n\r\n' : ok(targetOf(request))),
  });
  gateway = await startGateway(upstream.port, { INVENTORY_TIMEOUT: 5000 });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

test('there are at least 200', () => expect(vectors.length).toBeGreaterThanOrEqual(200));

const aimed = vectors.map(({ what, bytes, seen }, i) => {
  const aim = `/api/movies/${String(i).padStart(4, '0')}`; // as long as AIM: lengths stay true
  const at = (text: string) => text.replaceAll(AIM, aim);
  return { what, aim, bytes: at(bytes), seen: seen.map(at) };
});

test.concurrent.for(aimed)('$what', async ({ aim, bytes, seen }, { expect }) => {
  const received = await sendBytes(gateway.port, bytes, 500);
  const reached = upstream.requests.filter((request) => targetOf(request).startsWith(aim));
  expect(reached.map(({ body }) => body.toString('latin1'))).toEqual(seen);
  for (const request of reached) expect(targetOf(request)).not.toContain('smuggled');

  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
  if (seen.length === 0) expect(received).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  expect(statuses.filter((status) => status === '200')).toHaveLength(seen.length);
});

test('and afterwards every kept connection still gives each request its own answer', async () => {
  const wires = await Promise.all(Array.from({ length: 30 }, () => open(gateway.port)));
  for (let round = 0; round < 5; round++) {
    const answers = wires.map(async (wire, i) => {
      wire.socket.write(`GET /api/movies/after/${round}/${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return (await wire.readResponse('GET')).body.toString();
    });
    expect(await Promise.all(answers)).toEqual(wires.map((_, i) => `/api/movies/after/${round}/${i}`));
  }
  for (const { socket } of wires) socket.destroy();
});
