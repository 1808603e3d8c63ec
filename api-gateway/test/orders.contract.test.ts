import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from './contract/client.ts';
import { openOrdersTable, uniqueUserId } from './contract/orders-table.ts';
import { gatewayUrl } from './contract/stack.ts';

const client = createClient(gatewayUrl);
let table: Awaited<ReturnType<typeof openOrdersTable>>;

beforeAll(async () => {
  table = await openOrdersTable();
});
afterAll(async () => {
  await client.close();
  await table?.close();
});

const post = (body: unknown, headers: Record<string, string> = {}) => client.call('POST', '/api/billing', { body, headers });

/** Skips what follows where the table cannot be read. */
function requireTable(skip: (note: string) => void) {
  if (!table) skip('The database of the orders cannot be reached from here.');
  return table!;
}

describe('POST /api/billing', () => {
  test('takes numeric strings, as the exercise sends them, and stores them', async ({ skip }) => {
    const user_id = uniqueUserId();
    const { status, json } = await post({ user_id: String(user_id), number_of_items: '5', total_amount: '180' });
    expect(status).toBe(200);
    expect(json).toEqual({ message: 'Message posted', message_id: expect.any(String) });

    expect(await requireTable(skip).arrived([user_id], 1)).toEqual([{ user_id, number_of_items: 5, total_amount: '180.00' }]);
  });

  test('works with a trailing slash', async () => {
    const body = { user_id: uniqueUserId(), number_of_items: 1, total_amount: 1 };
    expect((await client.call('POST', '/api/billing/', { body })).status).toBe(200);
  });

  test('ignores unknown fields and reads a compressed body', async () => {
    const body = gzipSync(JSON.stringify({ user_id: uniqueUserId(), number_of_items: 1, total_amount: 0, note: 'x' }));
    expect((await post(body, { 'content-encoding': 'gzip' })).status).toBe(200);
  });

  test('stores any order as it is, numbers and strings alike', async ({ skip }) => {
    const expected = new Map<number, { number_of_items: number; total_amount: string }>();
    const order = fc.record({
      items: fc.integer({ min: 1, max: 2_147_483_647 }),
      cents: fc.integer({ min: 0, max: 999_999_999_999 }),
      asText: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(order, async ({ items, cents, asText }) => {
        const user_id = uniqueUserId();
        const amount = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
        const numbers = { user_id, number_of_items: items, total_amount: Number(amount) };
        const strings = { user_id: String(user_id), number_of_items: String(items), total_amount: amount };
        expect((await post(asText ? strings : numbers)).status).toBe(200);
        expected.set(user_id, { number_of_items: items, total_amount: amount });
      }),
      { numRuns: 100 },
    );
    const rows = await requireTable(skip).arrived([...expected.keys()], expected.size);
    expect(rows).toHaveLength(expected.size);
    for (const { user_id, ...stored } of rows) expect(stored).toEqual(expected.get(user_id));
  });
});

describe('Idempotency-Key', () => {
  test('makes repeated requests one order', async ({ skip }) => {
    const user_id = uniqueUserId();
    const order = { user_id, number_of_items: 2, total_amount: 9.99 };
    const headers = { 'Idempotency-Key': randomUUID() };
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(order, headers)));

    expect(new Set(answers.map(({ json }) => json.message_id)).size).toBe(1);
    expect(await requireTable(skip).arrived([user_id], 1)).toHaveLength(1);
  });

  test('is refused with another order, and the first one stays', async ({ skip }) => {
    const user_id = uniqueUserId();
    const headers = { 'Idempotency-Key': `"${randomUUID()}"` };
    expect((await post({ user_id, number_of_items: 1, total_amount: 1 }, headers)).status).toBe(200);
    const { status, json } = await post({ user_id, number_of_items: 2, total_amount: 1 }, headers);
    expect(status).toBe(422);
    expect(json.type).toBe('urn:crud-master:problem:idempotency-key-reused');

    expect(await requireTable(skip).arrived([user_id], 1)).toMatchObject([{ number_of_items: 1 }]);
  });

  test.each(['', ' ', 'two words', 'x'.repeat(256), '""', '"two words"'])('is refused when it is >%s<', async (key) => {
    const answer = await post({ user_id: 1, number_of_items: 1, total_amount: 1 }, { 'Idempotency-Key': key });
    expect(answer.status).toBe(400);
  });
});

describe('X-Request-Id', () => {
  test('is the one that the client sent', async () => {
    const headers = { 'X-Request-Id': 'checkout-42_a.b' };
    expect((await post({}, headers)).headers['x-request-id']).toBe('checkout-42_a.b');
    expect((await client.call('GET', '/api/movies/0', { headers })).headers['x-request-id']).toBe('checkout-42_a.b');
  });

  test.each(['two words', 'x'.repeat(65), 'a/b', '{}'])('is replaced when it is "%s"', async (sent) => {
    expect((await post({}, { 'X-Request-Id': sent })).headers['x-request-id']).not.toBe(sent);
  });
});
