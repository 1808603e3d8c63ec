import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import Koa from 'koa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonBody } from '../json-body.ts';
import { createLog } from '../log.ts';
import { problems } from '../problem.ts';

let server: Server;

beforeAll(async () => {
  const app = new Koa();
  app.use(problems(createLog('test', 'silent')));
  app.use(jsonBody(1000));
  app.use((ctx) => {
    ctx.body = JSON.stringify({ got: ctx.request.body });
  });
  server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

const JSON_TYPE = { 'Content-Type': 'application/json' };

async function post(body: Buffer | string, headers: Record<string, string> = JSON_TYPE) {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false }).end(body);
  const [answer] = await once(sent, 'response');
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return { status: answer.statusCode, type: answer.headers['content-type'], body: JSON.parse(text) };
}

test.each([
  ['characters of one to four bytes', '{"title":"Aé電🎬"}', { title: 'Aé電🎬' }],
  ['an escaped lone surrogate', '{"title":"\\ud800"}', { title: '\ud800' }],
  ['what is no object', '[1,null,"x"]', [1, null, 'x']],
  ['a byte order mark', '\ufeff{"a":1}', { a: 1 }],
  ['a name that means something to JavaScript', '{"__proto__":1}', JSON.parse('{"__proto__":1}')],
])('%s arrives as it was sent', async (_, text, value) => {
  expect(await post(text)).toMatchObject({ status: 200, body: { got: value } });
});

test('a compressed body is read, and limited by what it becomes', async () => {
  const gzip = { ...JSON_TYPE, 'Content-Encoding': 'gzip' };
  expect(await post(gzipSync('{"a":"電"}'), gzip)).toMatchObject({ status: 200, body: { got: { a: '電' } } });
  const bomb = await post(gzipSync(JSON.stringify({ a: 'x'.repeat(1000) })), gzip);
  expect(bomb).toMatchObject({ status: 413, body: { type: 'urn:crud-master:problem:body-too-large' } });
});

test.each<[string, Buffer | string, number, Record<string, string>?]>([
  ['nothing', '', 400],
  ['half an object', '{"a":', 400],
  ['broken UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
  ['UTF-8 cut within a character', Buffer.from('"電').subarray(0, 3), 400],
  ['broken gzip', 'no gzip', 400, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }],
  ['more than the limit', `"${'x'.repeat(1000)}"`, 413],
  ['an unknown coding', '{}', 415, { ...JSON_TYPE, 'Content-Encoding': 'secret' }],
  ['another type', '{}', 415, { 'Content-Type': 'text/plain' }],
  ['another charset', '{}', 415, { 'Content-Type': 'application/json; charset=latin1' }],
])('%s is refused with problem details', async (_, body, status, headers) => {
  expect(await post(body, headers)).toMatchObject({
    status,
    type: 'application/problem+json',
    body: { status, detail: expect.stringMatching(/\.$/) },
  });
});
