import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type SpanReceiver, startSpanReceiver } from '../../scripts/prove/tests/span-receiver.ts';
import { type Environment, parseEnvironment } from '../environment.ts';
import type { Logger } from '../log.ts';
import { openSpans } from '../spans.ts';
import { parseTraceparent } from '../trace-context.ts';
import { readTracing, tracingVariables } from '../tracing-config.ts';

const read = (environment: Environment) => readTracing(parseEnvironment(z.object(tracingVariables), environment), 'a_service');

const lines: object[] = [];
const log = { warn: (fields: object, msg: string) => lines.push({ ...fields, msg }) } as unknown as Logger;
const open = async (environment: Environment) => (await openSpans(read(environment), log))!;

let receiver: SpanReceiver | undefined;
afterEach(() => {
  receiver?.close();
  lines.length = 0;
});

/** Where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

test('what waits is sent at the stop, and names its service and its resource', async () => {
  receiver = await startSpanReceiver();
  const spans = await open({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
    OTEL_BSP_SCHEDULE_DELAY: '3600000',
  });
  const { span, traceparent, traceId } = spans.begin('server', 'request', undefined);
  span!.child('client', 'below', { 'http.response.status_code': 200 }).end('broken');
  span!.end();
  span!.end('twice');
  expect(receiver.spans).toEqual([]);
  await spans.close();
  const [below, above] = receiver.spans;
  expect(above).toMatchObject({ traceId, service: 'a_service', parentSpanId: '', failed: false });
  expect(traceparent).toBe(`00-${traceId}-${above!.spanId}-01`);
  expect(below).toMatchObject({ traceId, parentSpanId: above!.spanId, failed: true });
  expect(below!.attributes).toEqual({ 'http.response.status_code': 200, 'error.type': 'broken' });
  expect(spans.dropped()).toBe(0);
});

test('without a receiver so many wait, the rest is dropped and counted, and a stop waits 400 ms', async () => {
  const spans = await open({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await closedPort()}`,
    OTEL_BSP_MAX_QUEUE_SIZE: '10',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5',
  });
  for (let i = 0; i < 30; i++) spans.begin('server', 'request', undefined).span!.end();
  expect(spans.dropped()).toBe(15); // five are under way, ten wait
  const began = performance.now();
  await spans.close();
  expect(performance.now() - began).toBeLessThan(1000);
  expect(spans.dropped()).toBe(30);
  expect(lines).toEqual([{ msg: 'spans are dropped', dropped: 1, reason: 'more than 10 wait to be sent' }]);
});

test('what the receiver refuses is counted, with its reason in the log', async () => {
  receiver = await startSpanReceiver();
  const spans = await open({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/elsewhere`, OTEL_BSP_SCHEDULE_DELAY: '1' });
  spans.begin('server', 'request', undefined).span!.end();
  await expect.poll(() => spans.dropped()).toBe(1);
  expect(lines).toEqual([{ msg: 'spans are dropped', dropped: 1, reason: 'Bad Request' }]);
  await spans.close();
});

test('a batch is sampled with the spans that it links to, whatever the sampler says of new traces', async () => {
  receiver = await startSpanReceiver();
  const spans = await open({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  });
  expect(spans.begin('consumer', 'new', undefined).span).toBeUndefined();
  const parents = Array.from({ length: 1000 }, (_, i) =>
    parseTraceparent(`00-${(i + 1).toString(16).padStart(32, '0')}-b7ad6b7169203331-01`),
  );
  const links = parents.map((parent) => spans.begin('consumer', 'order', parent).span!);
  spans.batch('batch', {}, links).end();
  await spans.close();
  expect(receiver.spans.map(({ name, links }) => [name, links.length])).toEqual([['batch', 1000]]);
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318', 'must be a URL such as http://127.0.0.1:4318 (it is "localhost:4318")'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'http://', 'must be a URL such as http://127.0.0.1:4318 (it is "http://")'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', 'must be pairs such as name=value, percent-encoded, with commas between them'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=%', 'must be pairs such as name=value, percent-encoded, with commas between them'],
  ['OTEL_RESOURCE_ATTRIBUTES', '=x', 'must be pairs such as name=value, percent-encoded, with commas between them (it is "=x")'],
  ['OTEL_TRACES_SAMPLER', 'half', 'must be one of always_on, always_off, traceidratio, parentbased_always_on'],
  ['OTEL_TRACES_SAMPLER_ARG', '5', 'must be a number from 0 to 1, such as 0.05 (it is "5")'],
  ['OTEL_TRACES_SAMPLER_ARG', '1.5', 'must be a number from 0 to 1, such as 0.05 (it is "1.5")'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '0', 'must be a whole number from 1 to'],
])('%s=%s is refused with a sentence', (name, value, sentence) => {
  let message = '';
  try {
    read({ [name]: value });
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toContain(`${name} ${sentence}`);
  if (name.includes('HEADERS')) expect(message).not.toContain(`"${value}"`);
});

test('the standard variables mean what OpenTelemetry says', () => {
  expect(
    read({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://traces.example/otlp',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20eA==, x-tenant = one',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%2Cb,service.name=other',
      OTEL_BSP_MAX_QUEUE_SIZE: '100',
      OTEL_TRACES_SAMPLER_ARG: '.05',
    }),
  ).toEqual({
    url: 'https://traces.example/otlp/v1/traces',
    headers: { authorization: 'Basic eA==', 'x-tenant': 'one' },
    timeout: 10_000,
    sampler: 'parentbased_always_on',
    ratio: 0.05,
    delay: 5000,
    exportTimeout: 30_000,
    queueSize: 100,
    batchSize: 100,
    resource: { 'deployment.environment.name': 'a,b', 'service.name': 'other' },
  });
  expect(read({ OTEL_SERVICE_NAME: 'own', OTEL_RESOURCE_ATTRIBUTES: 'service.name=other' }).resource['service.name']).toBe('own');
});
