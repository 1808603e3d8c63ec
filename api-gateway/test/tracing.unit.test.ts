import { describe, expect, test } from 'vitest';
import { type Trace, tracing } from '../app/tracing.ts';

function trace(headers: Record<string, string>): Trace {
  const ctx = { req: { headers }, state: {} as { trace: Trace } };
  tracing(undefined, () => undefined)(ctx as never, async () => {});
  return ctx.state.trace;
}

const ID = '0af7651916cd43dd8448eb211c80319c';

describe('A trace', () => {
  test('goes on with a new parent and the same flags', () => {
    const { traceparent, continued } = trace({ traceparent: `00-${ID}-b7ad6b7169203331-00` });
    expect(traceparent).toMatch(new RegExp(`^00-${ID}-(?!b7ad6b7169203331)[0-9a-f]{16}-00$`));
    expect(continued).toBe(true);
  });

  test.each([
    '',
    'x',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${ID}-${'0'.repeat(16)}-01`,
    `ff-${ID}-b7ad6b7169203331-01`,
    `00-${ID.toUpperCase()}-b7ad6b7169203331-01`,
    `00-${ID}-b7ad6b7169203331-01-x`,
  ])('begins anew after "%s"', (traceparent) => {
    const fresh = trace({ traceparent });
    expect(fresh.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(fresh.traceparent).not.toContain(ID);
    expect(fresh.continued).toBe(false);
  });

  test('never repeats an id', () => {
    const ids = Array.from({ length: 5000 }, () => trace({}).traceparent);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('A request id', () => {
  test.each(['a', 'checkout-42_a.b', 'x'.repeat(64)])('"%s" is kept', (id) => {
    const { requestId, traceId, traceparent } = trace({ 'x-request-id': id });
    expect(requestId).toBe(id);
    expect(traceId).toBe(traceparent.split('-')[1]);
  });

  test.each(['', 'two words', 'x'.repeat(65), 'a/b', 'é', 'a\n'])('"%s" is replaced by the id of the trace', (id) => {
    const { requestId, traceId, traceparent } = trace({ 'x-request-id': id });
    expect(requestId).toBe(traceparent.split('-')[1]);
    expect(traceId).toBeUndefined(); // the log says it once
  });
});
