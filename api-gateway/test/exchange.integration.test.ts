import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream, type UpstreamBehaviour } from './harness/raw-upstream.ts';
import { open, valuesOf, type WireMessage } from './harness/wire.ts';

const TIMEOUT = 400;

let upstream: RawUpstream;
let gateway: TestGateway;

async function start(behaviour: UpstreamBehaviour, settings: Record<string, string | number> = {}): Promise<void> {
  upstream = await rawUpstream(behaviour);
  gateway = await startGateway(upstream.port, { INVENTORY_TIMEOUT: TIMEOUT, ...settings });
}
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const get = (path = '/api/movies', fields = '') => `GET ${path} HTTP/1.1\r\nHost: films\r\n${fields}\r\n`;
const post = (body: string, fields = `Content-Length: ${body.length}\r\n`) =>
  `POST /api/movies HTTP/1.1\r\nHost: films\r\n${fields}\r\n${body}`;

async function exchange(request: string, informational?: WireMessage[]): Promise<WireMessage> {
  const wire = await open(gateway.port);
  wire.socket.write(Buffer.from(request, 'latin1'));
  const answer = await wire.readResponse(request.split(' ')[0]!, informational);
  wire.socket.destroy();
  return answer;
}

/** UTF-8, as the socket reader shows it: a character for each byte. */
const REASON = Buffer.from('größer €').toString('latin1');

const statusOf = (answer: WireMessage) => Number(answer.start.split(' ')[1]);
const problemOf = (answer: WireMessage) => {
  expect(valuesOf(answer.fields, 'content-type')).toEqual(['application/problem+json']);
  return JSON.parse(answer.body.toString());
};

/** A port where connections are neither accepted nor refused: its process is frozen and its queue of connections full. */
async function silentPort(): Promise<{ port: number; close(): void }> {
  const program =
    "const s = require('net').createServer(); s.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => process.send(s.address().port))";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [port] = (await once(child, 'message')) as [number];
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    fillers.push(socket);
    full = await Promise.race([once(socket, 'connect').then(() => false), sleep(300, true)]);
  }
  return {
    port,
    close() {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

describe('A request reaches inventory', () => {
  test('with its target byte for byte', async () => {
    await start({ answer: () => ok() });
    const target = '/api/movies//a/../%2F%2e%zz;x?title=%E9&title=a+b&&=[|]';
    await exchange(get(target));
    expect(upstream.requests[0]?.start).toBe(`GET ${target} HTTP/1.1`);
  });

  test('with its chunked body, also under DELETE, and nothing after it', async () => {
    await start({ answer: () => ok() });
    const smuggled = 'GET /internal/secret HTTP/1.1\r\nHost: x\r\n\r\n';
    const chunked = `DELETE /api/movies HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    await exchange(chunked);
    await exchange(get());
    expect(upstream.requests.map(({ start }) => start)).toEqual(['DELETE /api/movies HTTP/1.1', 'GET /api/movies HTTP/1.1']);
    expect(upstream.requests[0]?.body.toString()).toBe(smuggled);
  });

  test('on a connection that is kept', async () => {
    await start({ answer: () => ok() });
    for (let i = 0; i < 5; i++) await exchange(post(`film ${i}`));
    expect(upstream.requests).toHaveLength(5);
    expect(upstream.sockets.size).toBe(1);
  });

  test('with a body of 5 MB as it came', async () => {
    await start({ answer: () => ok() }, { INVENTORY_TIMEOUT: 5000 });
    const body = Buffer.alloc(5_000_000, 'film \xff\x00', 'latin1').toString('latin1');
    expect(statusOf(await exchange(post(body)))).toBe(200);
    expect(upstream.requests[0]?.body.equals(Buffer.from(body, 'latin1'))).toBe(true);
  });
});

describe("Inventory's answer reaches the client", () => {
  test('with its reason, its fields and their order, several Set-Cookie among them', async () => {
    const fields = 'x-B: 1\r\nSet-Cookie: a=1\r\nX-a: \xe9\r\nset-cookie: b=2\r\nContent-Type: text/odd\r\nX-Empty: \r\n';
    await start({ answer: () => Buffer.from(`HTTP/1.1 207 Odd ${REASON}\r\n${fields}Content-Length: 2\r\n\r\nok`, 'latin1') });
    const answer = await exchange(get());
    expect(answer.start).toBe(`HTTP/1.1 207 Odd ${REASON}`);
    expect(answer.fields.slice(0, 7)).toEqual([
      ['x-B', '1'],
      ['Set-Cookie', 'a=1'],
      ['X-a', '\xe9'],
      ['set-cookie', 'b=2'],
      ['Content-Type', 'text/odd'],
      ['X-Empty', ''],
      ['Content-Length', '2'],
    ]);
    expect(valuesOf(answer.fields, 'date')).toEqual([]);
  });

  test('compressed as it is', async () => {
    const body = gzipSync('films '.repeat(1000));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;
    await start({ answer: () => Buffer.concat([Buffer.from(head), body]) });
    expect((await exchange(get())).body.equals(body)).toBe(true);
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', ['1234']],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', []],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n', ['77']],
  ])('without a body: %s, %j', async (method, bytes, lengths) => {
    await start({ answer: () => bytes });
    const wire = await open(gateway.port);
    for (let i = 0; i < 2; i++) {
      wire.socket.write(get().replace('GET', method));
      const answer = await wire.readResponse(method);
      expect(answer.start).toBe(bytes.split('\r\n')[0]);
      expect(valuesOf(answer.fields, 'content-length')).toEqual(lengths);
    }
    wire.socket.destroy();
  });

  test('with its trailers and their announcement', async () => {
    await start({
      answer: () =>
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-sum: 2\r\n\r\n',
    });
    const answer = await exchange(get());
    expect(valuesOf(answer.fields, 'trailer')).toEqual(['X-Sum']);
    expect(answer.trailers).toEqual([
      ['X-Sum', '1'],
      ['X-sum', '2'],
    ]);
  });

  test.each(['HEAD', 'GET'])('where Trailer is announced and no trailers can follow: %s', async (method) => {
    await start({ answer: () => 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 0\r\n\r\n' });
    expect(statusOf(await exchange(get().replace('GET', method)))).toBe(200);
  });

  test('after its early hints', async () => {
    await start({ answer: () => `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${ok()}` });
    const informational: WireMessage[] = [];
    expect(statusOf(await exchange(get(), informational))).toBe(200);
    expect(informational.map(({ start }) => start)).toEqual(['HTTP/1.1 103 Early Hints']);
  });

  test('to a HEAD with a large body that a Node server leaves unread', async () => {
    await start({});
    const inventory = createServer((_request, response) => void response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(inventory, 'listening');
    const behind = await startGateway((inventory.address() as AddressInfo).port, {});
    const request = Buffer.from(`HEAD /api/movies/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
    const statuses: number[] = [];
    for (let n = 0; n < 30; n++) {
      const wire = await open(behind.port);
      wire.socket.write(request);
      statuses.push(statusOf(await wire.readResponse('HEAD')));
      wire.socket.destroy();
    }
    await behind.close();
    inventory.close();
    expect(new Set(statuses)).toEqual(new Set([404]));
  });

  test('in HTTP/1.0 ended by the end of the connection', async () => {
    await start({ answer: () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n' });
    const answer = await exchange('GET /api/movies HTTP/1.0\r\n\r\n');
    expect(answer.framing).toBe('close');
    expect(answer.body.toString()).toBe('ok');
  });

  test('when it came before the body was read, and the connection serves on', async () => {
    const early = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig';
    await start({
      onHead: (head, socket) => {
        if (head.start.startsWith('GET')) return true;
        socket.end(early);
        return false;
      },
      answer: () => ok(),
    });
    const wire = await open(gateway.port);
    const body = 'x'.repeat(3_000_000);
    wire.socket.write(post(body));
    expect(statusOf(await wire.readResponse('POST'))).toBe(413);
    wire.socket.write(get());
    expect(statusOf(await wire.readResponse('GET'))).toBe(200);
    wire.socket.destroy();
  });

  test('when it came while the client was still writing', async () => {
    await start({
      onHead: (head, socket) => {
        if (head.start.startsWith('GET')) return true;
        socket.write(ok('early'));
        return false;
      },
      answer: () => ok(),
    });
    const wire = await open(gateway.port);
    wire.socket.write(post('1\r\n!\r\n', 'Transfer-Encoding: chunked\r\n'));
    expect((await wire.readResponse('POST')).body.toString()).toBe('early');
    wire.socket.write(`5\r\nhello\r\n0\r\n\r\n${get()}`);
    expect(statusOf(await wire.readResponse('GET'))).toBe(200);
    wire.socket.destroy();
  });
});

describe('Inventory fails', () => {
  test('refused: 503 at once', async () => {
    await start({});
    await upstream.close();
    const started = performance.now();
    const answer = await exchange(get());
    expect(problemOf(answer)).toMatchObject({ status: 503, type: 'urn:crud-master:problem:inventory-unreachable' });
    expect(valuesOf(answer.fields, 'retry-after')).toEqual(['1']);
    expect(performance.now() - started).toBeLessThan(200);
    upstream = await rawUpstream({});
  });

  test('nothing answers to a connection, as of a machine that is off: 503 before the timeout', async () => {
    await start({});
    const silent = await silentPort();
    const blind = await startGateway(silent.port, { INVENTORY_TIMEOUT: 4000 });
    try {
      const started = performance.now();
      const wire = await open(blind.port);
      wire.socket.write(get());
      const answer = await wire.readResponse('GET');
      wire.socket.destroy();
      expect(problemOf(answer)).toMatchObject({ status: 503, type: 'urn:crud-master:problem:inventory-unreachable' });
      expect(performance.now() - started).toBeLessThan(3000);
    } finally {
      await blind.close();
      silent.close();
    }
  });

  test('frozen: 504 within the timeout', async () => {
    await start({ answer: () => undefined });
    const started = performance.now();
    expect(problemOf(await exchange(get()))).toMatchObject({ status: 504, type: 'urn:crud-master:problem:inventory-timeout' });
    expect(performance.now() - started).toBeLessThan(TIMEOUT + 200);
  });

  test('frozen while a large body is sent to it: 504', async () => {
    await start({
      onHead: (_head, socket) => {
        socket.pause();
        return false;
      },
    });
    expect(statusOf(await exchange(post('x'.repeat(9_000_000))))).toBe(504);
  });

  test('dies before it answers: 502, and the request is not repeated', async () => {
    await start({ answer: (_request, socket) => void socket.destroy() });
    expect(problemOf(await exchange(post('film')))).toMatchObject({
      status: 502,
      type: 'urn:crud-master:problem:inventory-failed',
    });
    expect(upstream.requests).toHaveLength(1);
  });

  test('closes a kept connection as a GET comes: it is sent once more', async () => {
    let seen = 0;
    await start({
      answer: (_request, socket) => {
        seen++;
        return seen === 2 ? void socket.destroy() : ok();
      },
    });
    await exchange(get());
    expect(statusOf(await exchange(get()))).toBe(200);
    expect(seen).toBe(3);
  });

  test.each([
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', '1.1'],
    ['in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', '1.1'],
    ['in chunks, to a client of HTTP/1.0', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', '1.0'],
  ])('dies in the middle of its answer %s: the client is cut off', async (_how, bytes, version) => {
    await start({
      answer: async (_request, socket) => {
        socket.write(bytes);
        await sleep(50);
        socket.destroy();
      },
    });
    const wire = await open(gateway.port);
    const failed = new Promise((resolve) => wire.socket.on('error', () => resolve('reset')));
    wire.socket.write(get().replace('1.1', version));
    const whole = await wire.readResponse('GET').then(
      () => 'whole',
      () => 'cut',
    );
    expect(version === '1.0' ? await failed : whole).toMatch(/reset|cut/);
  });

  test('stalls in the middle of its answer: the client is cut off', async () => {
    await start({ answer: () => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf' });
    await expect(exchange(get())).rejects.toThrow('the connection ended');
  });

  test.each([
    ['no HTTP', 'EHLO\r\n\r\n'],
    ['a wrong length', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'],
    ['an upgrade that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['100 that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a field with a control character', 'HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 2\r\n\r\nok'],
  ])('answers %s: 502', async (_what, bytes) => {
    await start({ answer: () => bytes });
    expect(problemOf(await exchange(get()))).toMatchObject({ status: 502 });
  });
});

describe('The client', () => {
  test('that is slow with its body is not blamed on inventory', async () => {
    await start({ answer: () => ok() });
    const wire = await open(gateway.port);
    wire.socket.write(post('', 'Content-Length: 4\r\n'));
    await sleep(TIMEOUT * 1.5);
    wire.socket.write('fi');
    await sleep(TIMEOUT * 1.5);
    wire.socket.write('lm');
    expect(statusOf(await wire.readResponse('POST'))).toBe(200);
    expect(upstream.requests[0]?.body.toString()).toBe('film');
    wire.socket.destroy();
  });

  test('that leaves within its body: inventory never sees a whole request', async () => {
    await start({ answer: () => ok() });
    for (const fields of ['Content-Length: 100\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const wire = await open(gateway.port);
      wire.socket.write(post('3\r\nfil\r\n', fields));
      await arrived();
      wire.socket.destroy();
      await emptied();
    }
    expect(upstream.requests).toEqual([]);
  });

  test('that leaves while it waits: inventory is told by the end of the connection', async () => {
    await start({ answer: () => undefined }, { INVENTORY_TIMEOUT: 10_000 });
    const wire = await open(gateway.port);
    wire.socket.write(get());
    await arrived();
    wire.socket.destroy();
    await emptied();
  });

  test('that reads slowly gets everything and holds inventory back', async () => {
    const size = 60_000_000; // more than the sockets on the way hold
    let written = 0;
    await start({
      answer: async (_request, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        for (const chunk = Buffer.alloc(1_000_000); written < size; ) {
          written += chunk.length;
          if (!socket.write(chunk)) await once(socket, 'drain');
        }
        return undefined;
      },
    });
    const wire = await open(gateway.port);
    wire.socket.pause();
    wire.socket.write(get());
    await arrived();
    await sleep(TIMEOUT * 2);
    expect(written).toBeLessThan(size);
    wire.socket.resume();
    expect((await wire.readResponse('GET')).body).toHaveLength(size);
    wire.socket.destroy();
  });

  test('that stops reading is cut off', async () => {
    await start({ answer: () => endless() }, { GATEWAY_IDLE_READER_TIMEOUT: 300 });
    const wire = await open(gateway.port);
    wire.socket.pause();
    wire.socket.write(get());
    await arrived();
    await emptied();
  });

  test('that asks to continue is answered by the gateway', async () => {
    await start({ answer: () => ok() });
    const informational: WireMessage[] = [];
    const answer = await exchange(post('film', 'Content-Length: 4\r\nExpect: 100-continue\r\n'), informational);
    expect(statusOf(answer)).toBe(200);
    expect(informational.map(({ start }) => start)).toEqual(['HTTP/1.1 100 Continue']);
  });
});

describe('Aborted and unread', () => {
  test('500 clients leave nothing behind', async () => {
    await start(
      { answer: (request) => (request.start.includes('endless') ? endless() : undefined) },
      { INVENTORY_TIMEOUT: 30_000 },
    );
    const before = openSockets();
    const kinds = [get(), get('/api/movies/endless'), post('half', 'Content-Length: 400\r\n'), 'GET /api/mov'];
    for (let round = 0; round < 5; round++) {
      const wires = await Promise.all(Array.from({ length: 100 }, () => open(gateway.port)));
      wires.forEach((wire, i) => void wire.socket.write(kinds[i % kinds.length]!));
      await sleep(50);
      for (const { socket } of wires) endSomehow(socket);
    }
    await emptied(15_000);
    // One that was opened for a request that had gone by then waits, unused, for the next: two ends each.
    await expect.poll(() => openSockets() - 2 * upstream.sockets.size).toBeLessThanOrEqual(before);
  });

  let ways = 0;
  const endSomehow = (socket: Socket) => (ways++ % 2 === 0 ? socket.destroy() : socket.resetAndDestroy());
});

const openSockets = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

const endless = () =>
  Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n'), Buffer.alloc(20_000_000)]);

async function arrived(): Promise<void> {
  await expect.poll(() => upstream.received().length).toBeGreaterThan(0);
  await sleep(50);
}

/** Every connection to inventory that served an abandoned request is gone. */
async function emptied(timeout = 5000): Promise<void> {
  await expect.poll(() => [...upstream.sockets].filter(({ bytesRead }) => bytesRead > 0).length, { timeout }).toBe(0);
}
