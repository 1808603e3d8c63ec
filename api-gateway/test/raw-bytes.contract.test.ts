import { describe, expect, test } from 'vitest';
import { contradictions } from './contract/document.ts';
import { parseAnswer, sendBytes } from './contract/raw-socket.ts';
import { gatewayUrl } from './contract/stack.ts';

const get = (path: string, header = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${header}\r\n`;
const post = (header: string, body: string) => `POST /api/billing HTTP/1.1\r\nHost: x\r\n${header}\r\n${body}`;
const JSON_TYPE = 'Content-Type: application/json\r\n';

/** Bytes that are no request, or not one that may be served, and the status they are answered with. */
const refused: [what: string, bytes: string, status: number][] = [
  ['a greeting', 'EHLO crud-master\r\n\r\n', 400],
  ['a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400],
  ['binary', `${'\x00\xff'.repeat(50)}\r\n\r\n`, 400],
  ['an unknown method', 'FETCH /api/movies HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['a method in lower case', 'get /api/movies HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['no target', 'GET HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ['an unknown version', 'GET /api/movies HTTP/9.9\r\nHost: x\r\n\r\n', 400],
  ['no Host', 'GET /api/movies/1 HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['two Hosts', get('/api/movies/1', 'Host: y\r\nConnection: close\r\n'), 400],
  ['a space before a colon', get('/api/movies/1', 'X-A : b\r\n'), 400],
  ['a header without a colon', get('/api/movies/1', 'X-A\r\n'), 400],
  ['a header name with a space', get('/api/movies/1', 'X A: b\r\n'), 400],
  ['NUL in a header', get('/api/movies/1', 'X-A: a\x00b\r\n'), 400],
  ['a large header', get('/api/movies/1', `X-A: ${'a'.repeat(20_000)}\r\n`), 431],
  ['many headers', get('/api/movies/1', 'X-A: aaaaaaaaaa\r\n'.repeat(2000)), 431],
  ['a long target', get(`/api/movies?title=${'a'.repeat(20_000)}`), 431],
  ['a negative length', post(`${JSON_TYPE}Content-Length: -1\r\n`, ''), 400],
  ['a length with a sign', post(`${JSON_TYPE}Content-Length: +2\r\n`, '{}'), 400],
  ['a length that is a word', post(`${JSON_TYPE}Content-Length: two\r\n`, '{}'), 400],
  ['two lengths', post(`${JSON_TYPE}Content-Length: 2\r\nContent-Length: 3\r\n`, '{}'), 400],
  ['a length and chunks', post(`${JSON_TYPE}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n`, '0\r\n\r\n'), 400],
  ['a chunk size that is no number', post(`${JSON_TYPE}Transfer-Encoding: chunked\r\n`, 'zz\r\n{}\r\n0\r\n\r\n'), 400],
  ['a chunk longer than its size', post(`${JSON_TYPE}Transfer-Encoding: chunked\r\n`, '1\r\n{}\r\n0\r\n\r\n'), 400],
  ['an unknown transfer coding', post(`${JSON_TYPE}Transfer-Encoding: rot13\r\n`, '{}'), 400],
  ['another server as target', 'GET http://elsewhere/api/movies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
  ['a tunnel', 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n', 400],
];

describe('On the socket', () => {
  test.each(refused)('%s is refused', async (_what, bytes, status) => {
    const received = await sendBytes(gatewayUrl, bytes, 3000);
    expect(received, 'nothing came back').toBeDefined();
    const answer = parseAnswer('GET', '/nowhere', received!);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.text)).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  });

  test('requests that come one after the other at once are answered in their order', async () => {
    const received = await sendBytes(
      gatewayUrl,
      `${get('/api/movies/0')}${get('/nowhere')}${get('/api/billing', 'Connection: close\r\n')}`,
    );
    expect([...received!.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['400', '404', '405']);
  });

  test('a body in small chunks is one body', async () => {
    const chunks = [...'{"user_id":0}'].map((character) => `1\r\n${character}\r\n`).join('');
    const received = await sendBytes(
      gatewayUrl,
      post(`${JSON_TYPE}Transfer-Encoding: chunked\r\nConnection: close\r\n`, `${chunks}0\r\n\r\n`),
    );
    const answer = parseAnswer('POST', '/api/billing', received!);
    expect(answer.status).toBe(400);
    expect(contradictions(answer)).toEqual([]);
  });

  test('what is sent half and then left does no harm', async () => {
    await Promise.all(
      Array.from({ length: 20 }, () => sendBytes(gatewayUrl, 'POST /api/movies HTTP/1.1\r\nHost: x\r\nContent-Le', 100)),
    );
    await Promise.all(
      Array.from({ length: 20 }, () =>
        sendBytes(gatewayUrl, `POST /api/movies HTTP/1.1\r\nHost: x\r\n${JSON_TYPE}Content-Length: 99\r\n\r\n{"title"`, 100),
      ),
    );
    expect(await sendBytes(gatewayUrl, get('/api/movies/0', 'Connection: close\r\n'))).toMatch(/^HTTP\/1\.1 400 /);
  });
});
