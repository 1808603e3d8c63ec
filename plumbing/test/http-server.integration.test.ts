import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../http-server.ts';

const lines: Record<string, unknown>[] = [];
const log = pino(
  new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  }),
);

let server: HttpServer;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.destroy();
  lines.length = 0;
});

type App = (req: IncomingMessage, res: ServerResponse) => void;

async function start(app: App, options: Partial<HttpServerOptions> = {}, hosts = ['127.0.0.1']): Promise<AddressInfo[]> {
  server = createHttpServer(app, {
    log,
    headerBytes: 16_384,
    headersTimeout: 5000,
    requestTimeout: 10_000,
    idleReaderTimeout: 30_000,
    keepAliveTimeout: 60_000,
    connections: 1000,
    bodyLimit: () => 1000,
    ...options,
  });
  return server.listen(0, hosts);
}

interface Client {
  socket: Socket;
  received(): string;
  bodies(): string[];
}

async function open(port: number, host = '127.0.0.1'): Promise<Client> {
  const socket = connect(port, host).on('error', () => {});
  sockets.push(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'connect');
  return {
    socket,
    received: () => text,
    bodies: () => [...text.matchAll(/\r\n\r\n([^H]*)/g)].map(([, body]) => body!),
  };
}

const get = (path: string, fields = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;
const echo: App = (req, res) => res.end(req.url);

describe('Requests of one connection', () => {
  test('take effect one after the other, in their order, however many come at once', async () => {
    const begun: string[] = [];
    let inHand = 0;
    const [address] = await start((req, res) => {
      expect(++inHand).toBe(1);
      begun.push(req.url!);
      res.once('close', () => inHand--);
      setTimeout(() => res.end(req.url), begun.length % 50 === 0 ? 3 : 0);
    });
    const client = await open(address!.port);
    const paths = Array.from({ length: 2000 }, (_, i) => `/${i}`);
    client.socket.write(paths.map((path) => get(path)).join(''));
    await expect.poll(() => client.bodies().length, { timeout: 20_000 }).toBe(paths.length);
    expect(client.bodies()).toEqual(paths);
    expect(begun).toEqual(paths);
  });

  test('with bodies are read one after the other too', async () => {
    const [address] = await start(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.end(body.slice(0, 3) + body.length);
    });
    const client = await open(address!.port);
    const put = (i: number) => `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n${String(i).padEnd(90_000, '.')}`;
    client.socket.write([1, 2, 3, 4, 5, 6, 7, 8, 9].map(put).join(''));
    await expect.poll(client.bodies).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `${i}..90000`));
  });

  test('stay where they are when there are more than may wait: the socket is read no further', async () => {
    const held: ServerResponse[] = [];
    const [address] = await start((_req, res) => held.push(res));
    const client = await open(address!.port);
    const request = get('/', `X: ${'x'.repeat(1000)}\r\n`);
    for (let i = 0; i < 20_000; i++) client.socket.write(request);
    await sleep(200); // nothing tells that nothing more is read
    expect(held).toHaveLength(1);
    expect(client.socket.writableLength).toBeGreaterThan(10_000_000);
  });

  test('of all connections together are bounded: the one that adds to too many is cut', async () => {
    const [address] = await start(() => {}, { headerBytes: 1000 });
    const clients = await Promise.all(Array.from({ length: 12 }, () => open(address!.port)));
    const burst = 'GET / HTTP/1.1\r\nHost:x\r\n\r\n'.repeat(20_000);
    for (const { socket } of clients) socket.write(burst);
    await expect.poll(server.connections).toBeLessThan(8);
    expect(server.connections()).toBeGreaterThan(0);
  });

  test('are dropped after an answer that closes the connection', async () => {
    const seen: string[] = [];
    const [address] = await start((req, res) => {
      seen.push(req.url!);
      res.setHeader('Connection', 'close').end(req.url);
    });
    const client = await open(address!.port);
    client.socket.write(get('/1') + get('/2') + get('/3'));
    await once(client.socket, 'close');
    expect(seen).toEqual(['/1']);
  });

  test('before one that is not HTTP are answered first', async () => {
    const [address] = await start((req, res) => setTimeout(() => res.end(req.url), 5));
    const client = await open(address!.port);
    client.socket.write(`${get('/1')}${get('/2')}NOT HTTP\r\n\r\n`);
    await once(client.socket, 'close');
    expect([...client.received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '200', '400']);
  });

  test('before one that is not whole in time are answered first', async () => {
    const seen: string[] = [];
    const [address] = await start(
      (req, res) => {
        seen.push(req.url!);
        setTimeout(() => res.end(req.url), 1500);
      },
      { headersTimeout: 300, requestTimeout: 500 },
    );
    const client = await open(address!.port);
    client.socket.write(`${get('/1')}POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf`);
    await once(client.socket, 'close');
    expect([...client.received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '408']);
    expect(seen).toEqual(['/1']);
  });
});

describe('A client that does not read', () => {
  const big = Buffer.alloc(20_000_000, 'x');

  test('is cut off after the time that it has, and what it held is given back', async () => {
    let places = 0;
    const [address] = await start(
      (_req, res) => {
        places++;
        res.once('close', () => places--);
        res.end(big);
      },
      { idleReaderTimeout: 600 },
    );
    const clients = await Promise.all(Array.from({ length: 8 }, () => open(address!.port)));
    for (const { socket } of clients) {
      socket.pause();
      socket.write(Array.from({ length: 100 }, () => get('/')).join(''));
    }
    await expect.poll(() => places).toBe(8); // one place each
    await expect.poll(server.connections, { timeout: 5000 }).toBe(0);
    await expect.poll(() => places).toBe(0);
  });

  test('but goes away is noticed, with requests still waiting', async () => {
    let places = 0;
    const [address] = await start((_req, res) => {
      places++;
      res.once('close', () => places--);
      setTimeout(() => res.end('late'), 100);
    });
    const clients = await Promise.all(Array.from({ length: 8 }, () => open(address!.port)));
    for (const { socket } of clients) socket.write(Array.from({ length: 100 }, () => get('/')).join(''));
    await expect.poll(() => places).toBe(8);
    for (const { socket } of clients) socket.resetAndDestroy();
    await expect.poll(server.connections).toBe(0);
    await expect.poll(() => places).toBe(0);
  });

  test('is served to the end while it reads slowly', async () => {
    const [address] = await start(
      async (_req, res) => {
        for (let i = 0; i < 80; i++) if (!res.write(Buffer.alloc(100_000))) await once(res, 'drain');
        res.end();
      },
      { idleReaderTimeout: 700 },
    );
    const { socket } = await open(address!.port);
    let bytes = 0;
    socket.removeAllListeners('data').pause();
    socket.write(get('/', 'Connection: close\r\n'));
    const reads = setInterval(() => {
      bytes += socket.read(300_000)?.length ?? socket.read()?.length ?? 0;
    }, 60);
    await once(socket, 'end');
    clearInterval(reads);
    expect(bytes).toBeGreaterThan(7_900_000);
  });
});

describe('A refusal', () => {
  test.each([
    ['what is not HTTP', 'BAD\r\n\r\n', 400],
    ['a request without a host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n', 400],
    ['a large header', get('/', `X: ${'x'.repeat(20_000)}\r\n`), 431],
  ])('of %s has what every answer has, and a line in the log', async (_what, bytes, status) => {
    const [address] = await start(echo);
    const client = await open(address!.port);
    client.socket.write(bytes);
    await once(client.socket, 'close');
    const [head = '', body = ''] = client.received().split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(Date.parse(/^Date: (.*)$/m.exec(head)?.[1] ?? '')).toBeGreaterThan(Date.now() - 5000);
    expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String) });
    expect(lines).toEqual([expect.objectContaining({ status, request_id: /^X-Request-Id: (.*)$/m.exec(head)![1] })]);
  });

  test('comes before 100 for a body that is too large by its own length', async () => {
    const [address] = await start(echo);
    const client = await open(address!.port);
    client.socket.write(
      'POST / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n',
    );
    await once(client.socket, 'close');
    expect(client.received()).toMatch(/^HTTP\/1\.1 413 [\s\S]*\r\nX-Request-Id: mine\r\n/);
  });

  test('does not meet a body that may come', async () => {
    const [address] = await start(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.end(body);
    });
    const client = await open(address!.port);
    client.socket.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    await expect.poll(client.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.socket.write('film');
    await expect.poll(client.received).toMatch(/200 OK[\s\S]*film$/);
  });
});

describe('A stop', () => {
  test('of a server that nobody uses takes no time', async () => {
    await start(echo);
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(500);
  });

  test('breaks no request of busy kept connections', async () => {
    const [address] = await start((_req, res) => setTimeout(() => res.end('ok'), 1));
    let stopped = false;
    let served = 0;
    const broken: string[] = [];
    /** Asks and asks again on kept connections, until it cannot connect any more. */
    const client = () =>
      new Promise<void>((done) => {
        const dial = () => {
          const socket = connect(address!.port, '127.0.0.1');
          let [asked, last] = [false, false];
          const ask = () => {
            asked = true;
            socket.write(get('/'));
          };
          socket.on('connect', ask);
          socket.on('data', (answer) => {
            asked = false;
            served++;
            last = /connection: close/i.test(String(answer));
            if (last) socket.destroy();
            else ask();
          });
          socket.on('error', ({ code }: NodeJS.ErrnoException) => code !== 'ECONNREFUSED' && broken.push(String(code)));
          socket.on('close', (failed) => {
            if (!failed && asked) broken.push('closed under a request');
            if (failed || stopped) done();
            else dial();
          });
        };
        dial();
      });
    const clients = Array.from({ length: 20 }, client);
    await expect.poll(() => served).toBeGreaterThan(200);
    await server.close();
    stopped = true;
    await Promise.all(clients);
    expect(broken).toEqual([]);
  });

  test('closes a connection that says nothing, and lets an answer under way finish', async () => {
    const [address] = await start((_req, res) => setTimeout(() => res.end('late'), 1600));
    const [idle, busy] = [await open(address!.port), await open(address!.port)];
    busy.socket.write(get('/'));
    await expect.poll(server.connections).toBe(2);
    await Promise.all([server.close(), once(idle.socket, 'close'), once(busy.socket, 'close')]);
    expect(busy.received()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*late$/);
  });
});

describe('Addresses', () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

  test.skipIf(!hasIPv6)('of both families share one port, one app and one count', async () => {
    const addresses = await start(echo, {}, ['127.0.0.1', '::1']);
    expect(addresses.map(({ address }) => address)).toEqual(['127.0.0.1', '::1']);
    const { port } = addresses[0]!;
    const clients = [await open(port), await open(port, '::1')];
    for (const { socket } of clients) socket.write(get('/here'));
    for (const { bodies } of clients) await expect.poll(bodies).toEqual(['/here']);
    expect(server.connections()).toBe(2);
  });

  test.skipIf(!hasIPv6)('0.0.0.0 and :: are every address of both', async () => {
    const [address] = await start(echo, {}, ['0.0.0.0', '::']);
    for (const host of ['127.0.0.1', '::1']) expect((await open(address!.port, host)).socket.remoteAddress).toBe(host);
  });

  test('that this computer does not have are left out, with a line in the log, while one remains', async () => {
    const addresses = await start(echo, {}, ['192.0.2.1', '127.0.0.1']);
    expect(addresses.map(({ address }) => address)).toEqual(['127.0.0.1']);
    expect(lines).toEqual([expect.objectContaining({ host: '192.0.2.1', level: 40 })]);
  });

  test('none of which this computer has are an error', async () => {
    await expect(start(echo, {}, ['192.0.2.1', '2001:db8::1'])).rejects.toThrow(/EADDRNOTAVAIL|EAFNOSUPPORT/);
  });

  test('whose port is taken are an error, and nothing listens', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await start(echo);
    await expect(server.listen(port, ['127.0.0.2', '127.0.0.1'])).rejects.toThrow(/EADDRINUSE/);
    expect(await once(connect(port, '127.0.0.2'), 'connect').catch(({ code }) => code)).toBe('ECONNREFUSED');
    other.close();
  });
});
