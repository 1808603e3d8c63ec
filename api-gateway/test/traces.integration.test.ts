import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { median } from '../../scripts/prove/statistics.ts';
import { createTestStack } from '../../scripts/prove/tests/services.ts';
import { type ReceivedSpan, type SpanReceiver, startSpanReceiver } from '../../scripts/prove/tests/span-receiver.ts';
import { startService } from '../../scripts/prove/tests/stack.ts';
import { checkout } from '../../scripts/run/checkout.mjs';
import { anyFreePort } from '../../scripts/run/servers/ports.ts';
import { endProcess, waitFor } from '../../scripts/run/servers/process.ts';
import { connectOperator, type Operator } from '../../scripts/run/servers/rabbitmq/operator.ts';

const APPS = ['inventory-app', 'billing-app', 'api-gateway'] as const;

let env: Record<string, string>;
let url: string;
let receiver: SpanReceiver;
let operator: Operator;
const children: ChildProcess[] = [];

beforeAll(async () => {
  receiver = await startSpanReceiver();
  env = {
    ...(await createTestStack()),
    API_GATEWAY_LISTEN_HOST: '127.0.0.1',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20of%20spans',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  children.push(...APPS.map((app) => startService(app, env)));
  url = `http://127.0.0.1:${env.API_GATEWAY_PORT}`;
  operator = await connectOperator(env);
  expect(await waitFor(30_000, () => isReady(url))).toBe(true);
});
afterAll(async () => {
  await operator?.connection.close();
  await Promise.all(children.map((child) => endProcess(child.pid!, 'SIGTERM', 30_000)));
  receiver?.close();
});

const isReady = (gateway: string) =>
  fetch(`${gateway}/readyz`).then(
    async (answer) => answer.ok && (await answer.text()).includes('"broker":{"state":"up"'),
    () => false,
  );

/** A client with a trace of its own. */
function client(flags = '01') {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
}

const json = (body: unknown, headers: Record<string, string>) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** The spans of that trace, once there are so many. */
async function traceOf(traceId: string, count: number): Promise<ReceivedSpan[]> {
  const spans = () => receiver.spans.filter((span) => span.traceId === traceId);
  await expect.poll(() => spans().map(({ service, name }) => `${service}: ${name}`)).toHaveLength(count);
  return spans();
}

/** From the span below that parent to the last: each has exactly one below it. */
function chain(spans: ReceivedSpan[], parent: string): ReceivedSpan[] {
  const below = spans.filter(({ parentSpanId }) => parentSpanId === parent);
  expect(below.length).toBeLessThanOrEqual(1);
  return below.length === 0 ? [] : [below[0]!, ...chain(spans, below[0]!.spanId)];
}

const order = { user_id: '7', number_of_items: '5', total_amount: '180.50' };
const PUBLISHED = `publish billing:billing_queue`;
const PROCESSED = `process billing:billing_queue`;

describe('A film', () => {
  test('is one trace from the client to the SQL', async () => {
    const { traceId, spanId, traceparent } = client();
    const created = await fetch(`${url}/api/movies?x=1`, json({ title: 'Secret title' }, { traceparent }));
    expect(created.status).toBe(201);
    const spans = chain(await traceOf(traceId, 4), spanId);
    expect(spans.map(({ service, kind, name }) => [service, kind, name])).toEqual([
      ['api_gateway', 'server', 'POST /api/movies'],
      ['api_gateway', 'client', 'POST'],
      ['inventory_app', 'server', 'POST /api/movies'],
      ['inventory_app', 'client', 'INSERT movies'],
    ]);
    const [server, asked, served, statement] = spans as [ReceivedSpan, ReceivedSpan, ReceivedSpan, ReceivedSpan];
    const request = { 'http.request.method': 'POST', 'http.response.status_code': 201 };
    const path = { 'http.route': '/api/movies', 'url.path': '/api/movies', 'url.query': 'x=1', 'url.scheme': 'http' };
    expect(server.attributes).toEqual({ ...request, ...path });
    expect(asked.attributes).toEqual({
      ...request,
      'server.address': '127.0.0.1',
      'server.port': Number(env.INVENTORY_PORT),
      'url.full': `http://127.0.0.1:${env.INVENTORY_PORT}/api/movies?x=1`,
    });
    expect(served.attributes).toEqual({ ...request, ...path });
    expect(statement.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': env.MOVIES_DB_NAME,
      'db.operation.name': 'INSERT',
      'db.collection.name': 'movies',
      'db.query.summary': 'INSERT movies',
      'server.address': env.MOVIES_DB_HOST,
      'server.port': Number(env.MOVIES_DB_PORT),
    });
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
    const times = spans.map(({ start }) => start);
    expect(times).toEqual([...times].sort());
    expect(spans.every(({ start, end }) => start < end)).toBe(true);
    expect(receiver.headers.at(-1)!.authorization).toBe('Bearer of spans');
  });

  test.each([
    ['GET', '?title=secret', '', 200, 'SELECT movies'],
    ['PUT', '/1', '/:id', 200, 'UPDATE movies'],
    ['GET', '/1', '/:id', 200, 'SELECT movies'],
    ['DELETE', '/1', '/:id', 204, 'DELETE movies'],
    ['GET', '/1', '/:id', 404, 'SELECT movies'],
  ])('%s %s names its route and its statement', async (method, target, route, status, statement) => {
    const { traceId, spanId, traceparent } = client();
    const put = method === 'PUT' && { body: '{"title":"Other"}' };
    const headers = { traceparent, 'Content-Type': 'application/json' };
    const answer = await fetch(`${url}/api/movies${target}`, { method, headers, ...put });
    expect(answer.status).toBe(status);
    await answer.text();
    const spans = chain(await traceOf(traceId, 4), spanId);
    expect(spans.map(({ name }) => name)).toEqual([
      `${method} /api/movies${route && '/*'}`,
      method,
      `${method} /api/movies${route}`,
      statement,
    ]);
    // That there is no such film is an error of who asks, and none of who answers.
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual([
      undefined,
      status === 404 ? '404' : undefined,
      undefined,
      undefined,
    ]);
  });

  test('without a trace of the client begins one, under the request id that the client gets', async () => {
    const answer = await fetch(`${url}/api/movies`);
    await answer.text();
    const spans = await traceOf(answer.headers.get('x-request-id')!, 4);
    expect(chain(spans, '').map(({ service }) => service)).toEqual([
      'api_gateway',
      'api_gateway',
      'inventory_app',
      'inventory_app',
    ]);
  });
});

describe('An order', () => {
  test('is one trace from the client to the row, linked with the batch that stored it', async () => {
    const { traceId, spanId, traceparent } = client();
    const answer = await fetch(`${url}/api/billing`, json(order, { traceparent }));
    expect(answer.status).toBe(200);
    const { message_id } = (await answer.json()) as { message_id: string };
    const spans = chain(await traceOf(traceId, 3), spanId);
    expect(spans.map(({ service, kind, name }) => [service, kind, name])).toEqual([
      ['api_gateway', 'server', 'POST /api/billing'],
      ['api_gateway', 'producer', PUBLISHED],
      ['billing_app', 'consumer', PROCESSED],
    ]);
    const [, published, processed] = spans as [ReceivedSpan, ReceivedSpan, ReceivedSpan];
    const message = {
      'messaging.system': 'rabbitmq',
      'messaging.destination.name': 'billing:billing_queue',
      'messaging.message.id': message_id,
    };
    expect(published.attributes).toEqual({
      ...message,
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.rabbitmq.destination.routing_key': 'billing_queue',
    });
    expect(processed.attributes).toEqual({
      ...message,
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'order.outcome': 'stored',
      'order.id': expect.any(Number),
    });

    const { batch, insert } = await batchOf(processed);
    expect(batch).toMatchObject({ service: 'billing_app', kind: 'consumer', name: PROCESSED, parentSpanId: '' });
    expect(batch.links).toEqual([{ traceId, spanId: processed.spanId }]);
    expect(batch.attributes).toMatchObject({ 'messaging.batch.message_count': 1, 'messaging.system': 'rabbitmq' });
    expect(insert).toMatchObject({
      kind: 'client',
      name: 'INSERT orders',
      attributes: { 'db.namespace': env.ORDERS_DB_NAME, 'db.collection.name': 'orders', 'db.system.name': 'postgresql' },
    });
    expect(batch.start <= insert.start).toBe(true);
    expect(JSON.stringify([batch, insert].map(({ attributes }) => attributes))).not.toContain('180.5');
  });

  test('published again is known, and a thousand in one go link to the batches that stored them', async () => {
    const trace = client();
    const publish = (id: string, traceparent: string) =>
      operator.channel.publish('billing', env.BILLING_QUEUE!, Buffer.from(JSON.stringify(order)), {
        messageId: id,
        headers: { traceparent },
      });
    const again = randomUUID();
    const traces = Array.from({ length: 1000 }, () => client());
    for (const { traceparent } of traces) publish(randomUUID(), traceparent);
    for (let i = 0; i < 2; i++) publish(again, trace.traceparent);
    await operator.channel.waitForConfirms();
    const spans = await traceOf(trace.traceId, 2);
    expect(spans.map(({ attributes }) => attributes['order.outcome']).sort()).toEqual(['known', 'stored']);
    const ids = new Set(traces.map(({ traceId }) => traceId));
    const ofAll = () => receiver.spans.filter(({ traceId }) => ids.has(traceId));
    await expect.poll(() => ofAll().length).toBe(1000);
    const linked = new Map(receiver.spans.map((span) => [span.spanId, span.links]));
    for (const { spanId, traceId, links } of ofAll()) expect(linked.get(links[0]!.spanId)).toContainEqual({ traceId, spanId });
  });

  test('that can never be one ends its trace with the reason', async () => {
    const [bad, conflict] = [client(), client()];
    const id = randomUUID();
    for (const [content, { traceparent }] of [
      ['not json', bad],
      [JSON.stringify(order), conflict],
      [JSON.stringify({ ...order, user_id: '8' }), conflict],
    ] as const) {
      const messageId = content === 'not json' ? randomUUID() : id;
      operator.channel.publish('billing', env.BILLING_QUEUE!, Buffer.from(content), { messageId, headers: { traceparent } });
    }
    const [dead] = await traceOf(bad.traceId, 1);
    expect(dead).toMatchObject({ parentSpanId: bad.spanId, failed: true, attributes: { 'error.type': 'not-json' } });
    const both = await traceOf(conflict.traceId, 2);
    expect(
      both.map(({ failed, attributes }) => [failed, attributes['error.type'] ?? attributes['order.outcome']]).sort(),
    ).toEqual([
      [false, 'stored'],
      [true, 'conflict'],
    ]);
  });

  async function batchOf({ links }: ReceivedSpan): Promise<{ batch: ReceivedSpan; insert: ReceivedSpan }> {
    expect(links).toHaveLength(1);
    const spans = await traceOf(links[0]!.traceId, 2);
    const batch = spans.find(({ spanId }) => spanId === links[0]!.spanId)!;
    return { batch, insert: spans.find(({ parentSpanId }) => parentSpanId === batch.spanId)! };
  }
});

test('a trace that its client does not sample has no span anywhere', async () => {
  const unsampled = client('00');
  const { traceparent } = unsampled;
  await (await fetch(`${url}/api/movies`, { headers: { traceparent } })).text();
  await fetch(`${url}/api/billing`, json(order, { traceparent }));
  const after = client(); // what comes later in each service is out later
  await (await fetch(`${url}/api/movies`, { headers: { traceparent: after.traceparent } })).text();
  await fetch(`${url}/api/billing`, json(order, { traceparent: after.traceparent }));
  await traceOf(after.traceId, 7);
  expect(receiver.spans.filter(({ traceId }) => traceId === unsampled.traceId)).toEqual([]);
});

test('probes and pages make no spans', async () => {
  for (const path of ['/livez', '/readyz', '/docs']) await (await fetch(url + path)).text();
  await (await fetch(`http://127.0.0.1:${env.INVENTORY_PORT}/readyz`)).text();
  expect(receiver.spans.filter(({ attributes }) => /^\/(livez|readyz|docs)/.test(String(attributes['url.path'])))).toEqual([]);
});

test('nothing of OpenTelemetry is loaded without an endpoint, and something with one', async () => {
  const ports = await Promise.all([anyFreePort(), anyFreePort()]);
  const own = { API_GATEWAY_PORT: String(ports[0]), INVENTORY_PORT: String(ports[1]), RABBITMQ_VHOST: 'none' }; // not to take the others' orders
  const started = await Promise.all([
    ...APPS.map((app) => startInspected(app, { ...own, OTEL_EXPORTER_OTLP_ENDPOINT: '' })),
    startInspected('billing-app', own),
  ]);
  try {
    const loaded = await Promise.all(started.map(({ port }) => scriptsOf(port)));
    const counts = loaded.map((scripts) => scripts.filter((file) => file.includes('@opentelemetry')).length);
    expect(loaded.every((scripts) => scripts.some((file) => file.endsWith('app/service.ts')))).toBe(true);
    expect(counts.slice(0, 3)).toEqual([0, 0, 0]);
    expect(counts[3]).toBeGreaterThan(10);
  } finally {
    for (const { child } of started) child.kill('SIGKILL');
  }
});

/** A service that can be asked what it has loaded, once it is ready. */
async function startInspected(app: string, variables: Record<string, string>): Promise<{ child: ChildProcess; port: number }> {
  const port = await anyFreePort();
  const child = await startAlone(app, { ...variables, NODE_OPTIONS: `--inspect=127.0.0.1:${port} --inspect-publish-uid=http` });
  return { child, port };
}

/** A service beside the stack, once it is ready. */
async function startAlone(app: string, variables: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--disable-warning=DEP0060', 'server.ts'], {
    cwd: join(checkout, app),
    env: { ...process.env, ...env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

describe('A receiver that is frozen', () => {
  test('slows no answer and holds up no stop, and the log says once what is dropped', async () => {
    const frozen = createServer().listen(0, '127.0.0.1');
    await once(frozen, 'listening');
    const port = String(await anyFreePort());
    const gateway = await startAlone('api-gateway', {
      API_GATEWAY_PORT: port,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(frozen.address() as AddressInfo).port}`,
      OTEL_BSP_MAX_QUEUE_SIZE: '20',
    });
    const [output, errors] = [text(gateway.stdout!), text(gateway.stderr!)];
    const times: number[][] = [[], []];
    for (let i = 0; i < 100; i++) {
      for (const [n, base] of [url, `http://127.0.0.1:${port}`].entries()) {
        const began = performance.now();
        await (await fetch(`${base}/api/movies/1`)).text();
        times[n]!.push(performance.now() - began);
      }
    }
    const [healthy, slowed] = times.map((list) => median(list)) as [number, number];
    expect(slowed).toBeLessThan(2 * healthy + 2);

    const began = performance.now();
    gateway.kill('SIGTERM');
    const [status] = await once(gateway, 'exit');
    expect(status).toBe(0);
    expect(performance.now() - began).toBeLessThan(3000); // 1.1 s of it are for the clients (docs/gateway.md, "Stop")
    const lines = (await output).split('\n').filter((line) => line.includes('spans'));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 'warn', msg: 'spans are dropped', dropped: 1, reason: 'more than 20 wait to be sent' }),
    ]);
    expect(await errors).toBe('');
    frozen.close();
  });
});

/** Every script that the process with that inspector has loaded. */
async function scriptsOf(port: number): Promise<string[]> {
  const list = await waitFor(10_000, () =>
    fetch(`http://127.0.0.1:${port}/json/list`).then(
      (answer) => answer.json(),
      () => undefined,
    ),
  );
  const socket = new WebSocket((list as [{ webSocketDebuggerUrl: string }])[0].webSocketDebuggerUrl);
  const scripts: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.onopen = () => socket.send('{"id":1,"method":"Debugger.enable"}');
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.method === 'Debugger.scriptParsed') scripts.push(message.params.url);
    if (message.id === 1) resolve();
  };
  await promise;
  socket.close();
  return scripts;
}
