import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream, type UpstreamBehaviour } from './harness/raw-upstream.ts';
import { open, sendBytes, valuesOf, type Wire, type WireMessage } from './harness/wire.ts';

let upstream: RawUpstream;
let gateway: TestGateway;
const wires: Wire[] = [];

async function start(settings: Record<string, string | number>, behaviour: UpstreamBehaviour = { answer: () => ok() }) {
  upstream = await rawUpstream(behaviour);
  gateway = await startGateway(upstream.port, settings);
}
async function connection(): Promise<Wire> {
  const wire = await open(gateway.port);
  wires.push(wire);
  return wire;
}
afterEach(async () => {
  for (const { socket } of wires.splice(0)) socket.destroy();
  await gateway.close();
  await upstream.close();
});

const get = (fields = '', path = '/api/movies') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;

function expectProblem(answer: WireMessage, status: number): void {
  expect(Number(answer.start.split(' ')[1])).toBe(status);
  expect(valuesOf(answer.fields, 'content-type')).toEqual(['application/problem+json']);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
}

async function answerTo(bytes: string): Promise<WireMessage> {
  const wire = await connection();
  wire.socket.write(bytes);
  return wire.readResponse('GET');
}

describe('Beyond a limit', () => {
  test('a header is answered 431', async () => {
    await start({ GATEWAY_MAX_HEADER_BYTES: 1000 });
    expectProblem(await answerTo(get(`X: ${'x'.repeat(2000)}\r\n`)), 431);
    expect(await sendBytes(gateway.port, get(`X: ${'x'.repeat(700)}\r\n`), 1000)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test.each([
    ['with a length', `Content-Length: 2000\r\n\r\n${'x'.repeat(2000)}`],
    ['in chunks', `Transfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`],
  ])('a body %s is answered 413, and inventory sees no whole request', async (_how, rest) => {
    await start({ GATEWAY_MAX_BODY_BYTES: 1000 });
    const wire = await connection();
    wire.socket.write(`POST /api/movies HTTP/1.1\r\nHost: x\r\n${rest}`);
    expectProblem(await wire.readResponse('POST'), 413);
    expect(upstream.requests).toEqual([]);
  });

  test('a body that does not end is cut off after its 413', async () => {
    await start({ GATEWAY_MAX_BODY_BYTES: 100_000 });
    const wire = await connection();
    wire.socket.write('POST /api/movies HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n');
    expectProblem(await wire.readResponse('POST'), 413);
    const sent = setInterval(() => wire.socket.write(Buffer.alloc(50_000)), 5);
    await once(wire.socket, 'close');
    clearInterval(sent);
  });

  test('an order in chunks is answered 413, and its connection serves on', async () => {
    await start({ GATEWAY_MAX_ORDER_BYTES: 1000 });
    const wire = await connection();
    const chunk = `493e0\r\n${'x'.repeat(300_000)}\r\n`;
    wire.socket.write(
      `POST /api/billing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n${get()}`,
    );
    expectProblem(await wire.readResponse('POST'), 413);
    expect((await wire.readResponse('GET')).start).toBe('HTTP/1.1 200 OK');
  });

  test('an order is answered 413', async () => {
    await start({ GATEWAY_MAX_ORDER_BYTES: 100 });
    const body = JSON.stringify({ user_id: 1, number_of_items: 1, total_amount: 1, note: 'x'.repeat(200) });
    expectProblem(
      await answerTo(
        `POST /api/billing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      ),
      413,
    );
  });

  test.each([
    ['no byte', ''],
    ['half a header', 'GET /api/movies HTTP/1.1\r\nHost: x\r\nX-'],
    ['half a body', 'POST /api/movies HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf'],
    ['half an order', 'POST /api/billing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{'],
  ])('time: %s is answered 408', async (_what, bytes) => {
    await start({ GATEWAY_HEADERS_TIMEOUT: 300, GATEWAY_REQUEST_TIMEOUT: 600 });
    const started = performance.now();
    expectProblem(await answerTo(bytes), 408);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(upstream.requests).toEqual([]);
  });

  test('time: a header that comes byte by byte is answered 408', async () => {
    await start({ GATEWAY_HEADERS_TIMEOUT: 300, GATEWAY_REQUEST_TIMEOUT: 600 });
    const wire = await connection();
    const drip = setInterval(() => wire.socket.write('X'), 50);
    wire.socket.write('GET /api/movies HTTP/1.1\r\n');
    expectProblem(await wire.readResponse('GET'), 408);
    clearInterval(drip);
  });

  test('connections are answered 503, and their requests go nowhere', async () => {
    await start({ GATEWAY_MAX_CONNECTIONS: 3 });
    const kept = [await connection(), await connection(), await connection()];
    await sleep(50);
    const answer = await answerTo(get());
    expectProblem(answer, 503);
    expect(valuesOf(answer.fields, 'retry-after')).toEqual(['1']);
    await sleep(50);
    expect(upstream.requests).toEqual([]);

    kept[0]!.socket.destroy();
    await sleep(50);
    expect((await answerTo(get())).start).toBe('HTTP/1.1 200 OK');
  });

  test('requests in flight are answered 503, and counted down again', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start({ GATEWAY_MAX_REQUESTS_IN_FLIGHT: 2 }, { answer: () => held.then(() => ok()) });
    const first = [answerTo(get()), answerTo(get())];
    await expect.poll(() => upstream.requests.length).toBe(2);
    const answer = await answerTo(get());
    expectProblem(answer, 503);
    expect(valuesOf(answer.fields, 'retry-after')).toEqual(['1']);
    release();
    for (const { start } of await Promise.all(first)) expect(start).toBe('HTTP/1.1 200 OK');
    expect((await answerTo(get())).start).toBe('HTTP/1.1 200 OK');
  });

  test('a bad request on a connection leaves the answer before it alone', async () => {
    await start({}, { answer: () => sleep(100).then(() => ok('film')) });
    const received = await sendBytes(gateway.port, `${get()}BAD\r\n\r\n`, 1000);
    expect([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '400']);
  });
});

test('A gateway that stops answers what is under way and ends the connection', async () => {
  await start({}, { answer: () => sleep(200).then(() => ok('film')) });
  const wire = await connection();
  wire.socket.write(get());
  await expect.poll(() => upstream.requests.length).toBe(1);
  const closed = gateway.server.close();
  expect((await wire.readResponse('GET')).body.toString()).toBe('film');
  await closed;
});

describe('RATE_LIMIT', () => {
  test('is off by default', async () => {
    await start({});
    expect(valuesOf((await answerTo(get())).fields, 'ratelimit')).toEqual([]);
  });

  test('tells each client where it stands, and answers 429 until the window ends', async () => {
    const cookies = 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n';
    await start({ RATE_LIMIT: 2, RATE_LIMIT_WINDOW: 3000 }, { answer: () => ok('film', cookies) });
    const answers = [await answerTo(get()), await answerTo(get('', '/nowhere')), await answerTo(get())];
    expect(answers.map(({ start }) => start.split(' ')[1])).toEqual(['200', '404', '429']);
    const standing = answers.map(({ fields }) => String(valuesOf(fields, 'ratelimit')));
    expect(standing).toEqual([1, 0, 0].map((left) => expect.stringMatching(`^"client";r=${left};t=[123]$`)));
    for (const { fields } of answers) expect(valuesOf(fields, 'ratelimit-policy')).toEqual(['"client";q=2;w=3']);
    expect(valuesOf(answers[0]!.fields, 'set-cookie')).toEqual(['a=1', 'b=2']);
    expectProblem(answers[2]!, 429);
    expect(String(valuesOf(answers[2]!.fields, 'retry-after'))).toMatch(/^[123]$/);
    expect(upstream.requests).toHaveLength(1);

    await sleep(3100);
    expect((await answerTo(get())).start).toBe('HTTP/1.1 200 OK');
  });
});
