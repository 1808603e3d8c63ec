import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readOrder } from '../app/read-order.ts';

const read = (body: unknown) => readOrder(Buffer.from(JSON.stringify(body)));
const order = { user_id: 3, number_of_items: 5, total_amount: 180 };
const int4 = fc.integer({ min: 1, max: 2_147_483_647 });
const cents = fc.integer({ min: 0, max: 999_999_999_999 });
const asText = (hundredths: number) => `${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, '0')}`;

describe('readOrder', () => {
  it('reads every order in range, whether numbers or numeric strings, and keeps the amount to the cent', () => {
    fc.assert(
      fc.property(int4, int4, cents, fc.boolean(), (user, items, total, strings) => {
        const amount = asText(total);
        const body = strings
          ? { user_id: String(user), number_of_items: String(items), total_amount: amount }
          : { user_id: user, number_of_items: items, total_amount: Number(amount) };
        const totalAmount = strings ? amount : String(Number(amount));
        expect(read(body)).toEqual({ order: { userId: user, numberOfItems: items, totalAmount } });
      }),
    );
  });

  it('ignores unknown fields', () => {
    expect(read({ ...order, note: 'x' })).toHaveProperty('order');
  });

  it.each([
    ['user_id', 0],
    ['user_id', -1],
    ['user_id', 1.5],
    ['user_id', 2_147_483_648],
    ['user_id', ''],
    ['user_id', ' 1'],
    ['user_id', '1e3'],
    ['user_id', true],
    ['user_id', null],
    ['number_of_items', '0'],
    ['number_of_items', [1]],
    ['total_amount', -0.01],
    ['total_amount', '1.999'],
    ['total_amount', '10000000000'],
    ['total_amount', 1e21],
    ['total_amount', 'NaN'],
    ['total_amount', '1,5'],
  ])('refuses %s = %j, and names the field', (field, value) => {
    expect(read({ ...order, [field]: value })).toEqual({
      unacceptable: { kind: 'not-an-order', reason: expect.stringContaining(field) },
    });
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['not-utf8', Buffer.from([0x22, 0xff, 0x22])],
    ['not-json', Buffer.from('{"user_id":')],
    ['not-an-order', Buffer.from('[]')],
    ['not-an-order', Buffer.from('null')],
  ])('calls what cannot be read %s', (kind, content) => {
    expect(readOrder(content)).toMatchObject({ unacceptable: { kind } });
  });

  // The largest contents that are read at all (BILLING_MAX_MESSAGE_BYTES), made to use up stack, memory or time.
  it.each([
    ['nested arrays', `${'['.repeat(524_288)}${']'.repeat(524_288)}`],
    ['nested objects', `${'{"a":'.repeat(174_000)}1${'}'.repeat(174_000)}`],
    ['empty objects', `[${'{},'.repeat(349_000)}{}]`],
    ['objects of many shapes', `[${Array.from({ length: 50_000 }, (_, index) => `{"a${index}":{}}`).join()}]`],
    ['many keys', `{${Array.from({ length: 80_000 }, (_, index) => `"k${index}":0`).join()}}`],
    [
      'numeric keys with equal hashes',
      `{${Array.from({ length: 45_000 }, (_, index) => `"${2n ** 50n + BigInt(index) * 2n ** 24n}":0`).join()}}`,
    ],
    ['a long number', `{"user_id":${'9'.repeat(1_048_000)}}`],
    ['a long text', `{"user_id":"${'1'.repeat(1_048_000)}"}`],
  ])('survives %s, and answers before the broker misses a heartbeat', (_, content) => {
    const started = performance.now();
    expect(readOrder(Buffer.from(content))).toHaveProperty('unacceptable');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readOrder(bytes)));
    fc.assert(fc.property(fc.json(), (text) => void readOrder(Buffer.from(text))));
    expect(readOrder(Buffer.from('['.repeat(1_000_000)))).toHaveProperty('unacceptable');
  });
});
