import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type SpanReceiver, startSpanReceiver } from '../../scripts/prove/tests/span-receiver.ts';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { ok, type RawUpstream, rawUpstream, type UpstreamBehaviour } from './harness/raw-upstream.ts';
import { valuesOf } from './harness/wire.ts';

let receiver: SpanReceiver;
let upstream: RawUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  receiver = await startSpanReceiver();
});
afterEach(async () => {
  await upstream.close();
  receiver.close();
});

async function start(settings: Record<string, string>, behaviour: UpstreamBehaviour = { answer: () => ok('[]') }) {
  upstream = await rawUpstream(behaviour);
  gateway = await startGateway(upstream.port, settings);
}

/** The spans of all requests: a stop sends what is left. */
async function spansAtTheEnd() {
  await gateway.close();
  return receiver.spans;
}

const PARENT = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
const get = async (headers: Record<string, string> = {}) => {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/api/movies`, { headers });
  await answer.text();
  return answer;
};
/** What inventory was told by the last request. */
const told = () => valuesOf(upstream.requests.at(-1)!.fields, 'traceparent')[0]!;
const endpoint = () => ({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });

describe('The flag that inventory gets', () => {
  test.each([
    ["is the client's", {}, '00', '00', 0],
    ["is the client's", {}, '01', '01', 2],
    ["is set without a client's", {}, undefined, '01', 2],
    [
      "is the client's, before the ratio",
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      '01',
      '01',
      2,
    ],
    [
      'is not set by a ratio of 0',
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      undefined,
      '00',
      0,
    ],
    ['is not set by always_off', { OTEL_TRACES_SAMPLER: 'always_off' }, '01', '00', 0],
    ['is set by always_on', { OTEL_TRACES_SAMPLER: 'always_on' }, '00', '01', 2],
  ])('%s (%j, %s)', async (_, settings, given, expected, spans) => {
    await start({ ...endpoint(), ...settings });
    const answer = await get(given === undefined ? {} : { traceparent: `00-${PARENT}-${given}` });
    expect(told()).toMatch(new RegExp(`^00-[0-9a-f]{32}-[0-9a-f]{16}-${expected}$`));
    expect(answer.headers.get('x-request-id')).toBe(told().split('-')[1]);
    if (given !== undefined) expect(told()).toContain(PARENT.slice(0, 33));
    expect(told()).not.toContain(PARENT);
    expect(await spansAtTheEnd()).toHaveLength(spans);
  });

  test('is set for the part of all traces that the ratio says', async () => {
    await start({ ...endpoint(), OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' });
    await Promise.all(Array.from({ length: 200 }, () => get()));
    const sampled = upstream.requests.filter(({ fields }) => valuesOf(fields, 'traceparent')[0]!.endsWith('-01')).length;
    expect(sampled).toBeGreaterThan(50);
    expect(sampled).toBeLessThan(150);
    expect(await spansAtTheEnd()).toHaveLength(2 * sampled);
  });
});

describe('The span of the exchange with inventory', () => {
  test('is one for each attempt', async () => {
    let connections = 0;
    await start(endpoint(), {
      onHead(head, socket) {
        if (head.start.includes('once-more') && connections++ === 0) socket.destroy();
        return undefined;
      },
      answer: () => ok('[]'),
    });
    await get();
    await (await fetch(`http://127.0.0.1:${gateway.port}/api/movies/once-more`)).text();
    const attempts = (await spansAtTheEnd()).filter(({ attributes }) => String(attributes['url.full']).endsWith('once-more'));
    expect(attempts.map(({ failed, attributes }) => [failed, attributes['http.request.resend_count']])).toEqual([
      [true, undefined],
      [false, 1],
    ]);
    expect(attempts[0]!.attributes['error.type']).toBe('UND_ERR_SOCKET');
    expect(told()).toContain(attempts[1]!.spanId);
  });

  test('says why it failed, as the answer does', async () => {
    await start({ ...endpoint(), INVENTORY_TIMEOUT: '100' }, { answer: () => undefined });
    expect((await get()).status).toBe(504);
    const [asked, served] = await spansAtTheEnd();
    for (const span of [asked!, served!]) {
      expect(span).toMatchObject({ failed: true, attributes: { 'error.type': 'inventory-timeout' } });
    }
    expect(served!.attributes['http.response.status_code']).toBe(504);
    expect(asked!.attributes).not.toHaveProperty('http.response.status_code');
  });
});

test("without an endpoint the flag is the client's whatever the sampler says", async () => {
  await start({ OTEL_TRACES_SAMPLER: 'always_off' });
  await get({ traceparent: `00-${PARENT}-01` });
  expect(told()).toMatch(/-01$/);
  expect(await spansAtTheEnd()).toEqual([]);
});
