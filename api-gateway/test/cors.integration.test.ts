import { afterEach, describe, expect, test } from 'vitest';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream } from './harness/raw-upstream.ts';
import { open, valuesOf, type WireMessage } from './harness/wire.ts';

const PAGE = 'https://films.example';

let upstream: RawUpstream;
let gateway: TestGateway;

/** Fields that inventory adds to each answer of this test. */
async function start(settings: Record<string, string | number>, fields = ''): Promise<void> {
  upstream = await rawUpstream({ answer: () => ok('[]', fields) });
  gateway = await startGateway(upstream.port, settings);
}
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

async function send(method: string, path: string, fields: Record<string, string> = {}, body = ''): Promise<WireMessage> {
  const wire = await open(gateway.port);
  const lines = Object.entries({ Host: 'films', 'Content-Length': body.length, ...fields }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  wire.socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  const answer = await wire.readResponse(method);
  wire.socket.destroy();
  return answer;
}

const statusOf = (answer: WireMessage) => Number(answer.start.split(' ')[1]);
const preflight = (path: string, origin = PAGE) =>
  send('OPTIONS', path, {
    Origin: origin,
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'content-type,idempotency-key,traceparent',
  });
const order = (fields: Record<string, string> = {}) =>
  send(
    'POST',
    '/api/billing',
    { 'Content-Type': 'application/json', Origin: PAGE, ...fields },
    '{"user_id":1,"number_of_items":2,"total_amount":3}',
  );
const film = (fields: Record<string, string> = {}) => send('GET', '/api/movies/1', { Origin: PAGE, ...fields });

describe('without CORS_ORIGINS', () => {
  test('no answer has a field for it, and inventory gets the preflights', async () => {
    await start({});
    for (const answer of [
      await film(),
      await order(),
      await preflight('/api/movies'),
      await send('GET', '/none', { Origin: PAGE }),
    ]) {
      expect(answer.fields.filter(([name]) => /^(access-control-.*|vary)$/i.test(name))).toEqual([]);
    }
    expect(upstream.requests.map(({ start }) => start)).toContain('OPTIONS /api/movies HTTP/1.1');
  });
});

describe('with an origin in CORS_ORIGINS', () => {
  const settings = { CORS_ORIGINS: `http://localhost:5173, ${PAGE}` };

  test.each(['/api/movies', '/api/movies/1', '/api/billing'])('answers a preflight for %s by itself', async (path) => {
    await start(settings);
    const answer = await preflight(path);
    expect(statusOf(answer)).toBe(204);
    expect(valuesOf(answer.fields, 'access-control-allow-origin')).toEqual([PAGE]);
    expect(valuesOf(answer.fields, 'access-control-allow-methods')).toEqual(['GET,HEAD,POST,PUT,DELETE']);
    expect(valuesOf(answer.fields, 'access-control-allow-headers')).toEqual(['content-type,idempotency-key,traceparent']);
    expect(upstream.requests).toEqual([]);
  });

  test('films and orders may be read, with the fields that a client needs', async () => {
    await start(settings);
    for (const answer of [await film(), await order()]) {
      expect(statusOf(answer)).toBe(200);
      expect(valuesOf(answer.fields, 'access-control-allow-origin')).toEqual([PAGE]);
      expect(valuesOf(answer.fields, 'vary')).toEqual(['Origin']);
      expect(valuesOf(answer.fields, 'access-control-expose-headers')[0]).toMatch(/Location.*Link.*Retry-After.*X-Request-Id/);
    }
  });

  test('errors and refusals may be read too', async () => {
    await start({ ...settings, RATE_LIMIT: 3 });
    const wrong = await order({ 'Content-Type': 'text/plain' });
    const none = await send('GET', '/none', { Origin: PAGE });
    await upstream.close();
    const unreachable = await film();
    const tooMany = await film();
    expect([wrong, none, unreachable, tooMany].map(statusOf)).toEqual([415, 404, 503, 429]);
    for (const answer of [wrong, none, unreachable, tooMany]) {
      expect(valuesOf(answer.fields, 'access-control-allow-origin')).toEqual([PAGE]);
    }
  });

  test('what inventory says of it is not doubled, and its Vary is kept', async () => {
    await start(
      settings,
      'access-control-allow-origin: *\r\nVary: Accept\r\nvary: Accept-Language\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n',
    );
    const { fields } = await film();
    expect(valuesOf(fields, 'access-control-allow-origin')).toEqual([PAGE]);
    expect(valuesOf(fields, 'vary')).toEqual(['Accept, Accept-Language, Origin']);
    expect(valuesOf(fields, 'set-cookie')).toEqual(['a', 'b']);
  });

  test('a Vary that says it already stays as it is', async () => {
    await start(settings, 'Vary: accept, origin\r\n');
    expect(valuesOf((await film()).fields, 'vary')).toEqual(['accept, origin']);
  });

  test('another origin, or none, gets its answer without permission, and its preflights go to inventory', async () => {
    await start(settings);
    const answers = [
      await film({ Origin: 'https://other.example' }),
      await send('GET', '/api/movies'),
      await preflight('/api/movies', 'null'),
    ];
    for (const { fields } of answers) {
      expect(valuesOf(fields, 'access-control-allow-origin')).toEqual([]);
      expect(valuesOf(fields, 'vary')).toEqual(['Origin']);
    }
    expect(upstream.requests).toHaveLength(3);
  });
});

test('* lets every page in', async () => {
  await start({ CORS_ORIGINS: '*' });
  for (const answer of [await film(), await order(), await preflight('/api/billing', 'https://other.example')]) {
    expect(valuesOf(answer.fields, 'access-control-allow-origin')).toEqual(['*']);
  }
});
