import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa, { type Context } from 'koa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog, type Logger } from '../log.ts';
import { problem, problems } from '../problem.ts';

const logged: unknown[] = [];
const log = { ...createLog('test', 'silent'), error: (line: unknown) => logged.push(line) } as unknown as Logger;

const routes: Record<string, (ctx: Context) => void> = {
  '/refused': () => {
    throw problem(422, {
      kind: 'not-an-order',
      detail: 'This is not an order.',
      errors: [{ field: 'user_id', detail: 'must be a number' }],
      headers: { 'Retry-After': '1' },
    });
  },
  '/broken': () => {
    throw new Error('password of host 10.0.0.1 in SELECT');
  },
  '/exposed': (ctx) => ctx.throw(409, 'This is said to the client.'),
  '/ours': () => {
    throw problem(500, { detail: 'a secret' });
  },
  '/method': (ctx) => {
    ctx.status = 405;
    ctx.set('Allow', 'GET, PUT');
  },
  '/unknown-method': (ctx) => {
    ctx.status = 501;
  },
  '/good': (ctx) => {
    ctx.body = 'good';
  },
};

let server: Server;
beforeAll(async () => {
  const app = new Koa();
  app.use((ctx, next) => {
    ctx.state.requestId = 'request-1';
    return next();
  });
  app.use(problems(log));
  app.use((ctx) => routes[ctx.path]?.(ctx));
  server = createServer(app.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

async function get(path: string) {
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  return { answer, text: await answer.text() };
}

test('a refusal is told with its kind, every field that is wrong, and its header fields', async () => {
  const { answer, text } = await get('/refused');
  expect(answer.status).toBe(422);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/problem+json',
    'retry-after': '1',
    'x-request-id': 'request-1',
  });
  expect(JSON.parse(text)).toEqual({
    type: 'urn:crud-master:problem:not-an-order',
    title: 'Unprocessable Entity',
    status: 422,
    detail: 'This is not an order.',
    errors: [{ field: 'user_id', detail: 'must be a number' }],
  });
});

test.each(['/broken', '/ours'])('an error on our side (%s) is logged, and the client learns nothing of it', async (path) => {
  logged.length = 0;
  const { answer, text } = await get(path);
  expect(answer.status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ type: 'about:blank', status: 500 });
  expect(text).not.toMatch(/password|10\.0\.0\.1|SELECT|secret|stack/);
  expect(logged).toEqual([{ err: expect.any(Error), request_id: 'request-1' }]);
});

test.each([
  ['/exposed', 409, 'This is said to the client.'],
  ['/none', 404, 'There is nothing at /none.'],
  ['/method', 405, 'GET is not possible here. Possible: GET, PUT.'],
  ['/unknown-method', 501, 'The method GET is not known here.'],
])('%s has a sentence for the client', async (path, status, detail) => {
  const { answer, text } = await get(path);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(JSON.parse(text)).toMatchObject({ type: 'about:blank', status, detail });
});

test('what is good stays as it is', async () => {
  expect((await get('/good')).text).toBe('good');
});
