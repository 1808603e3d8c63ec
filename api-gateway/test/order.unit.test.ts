import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orderErrors } from '../app/order.ts';

const ORDER = { user_id: 3, number_of_items: 5, total_amount: 180 };
const MAX = 2_147_483_647;
const fieldsOf = (body: unknown) => orderErrors(body).map(({ field }) => field);

const integer = fc.integer({ min: 1, max: MAX });
const cents = fc.integer({ min: 0, max: 999_999_999_999 });
const decimal = (value: number) => `${Math.floor(value / 100)}.${String(value % 100).padStart(2, '0')}`;

describe('An order', () => {
  test('is any with positive 32-bit integers and an amount with two decimals, as numbers or as strings', () => {
    fc.assert(
      fc.property(integer, integer, cents, fc.boolean(), (user, items, amount, asText) => {
        const text = { user_id: String(user), number_of_items: String(items), total_amount: decimal(amount) };
        const numbers = { user_id: user, number_of_items: items, total_amount: Number(decimal(amount)) };
        expect(orderErrors(asText ? text : numbers)).toEqual([]);
      }),
    );
  });

  test.each([0, '0', '0.5', 0.01, '007', 9_999_999_999.99, '9999999999.99', -0])('may cost %s', (total_amount) => {
    expect(orderErrors({ ...ORDER, total_amount })).toEqual([]);
  });

  test.each([
    -0.01,
    0.001,
    '1.',
    '.5',
    '1.001',
    1e10,
    '10000000000',
    '1e3',
    ' 1',
    '1 ',
    '+1',
    '1,5',
    '',
    '٣',
    '0x1',
    Number.NaN,
    null,
    true,
    [1],
    {},
  ])('may not cost %j', (total_amount) => expect(fieldsOf({ ...ORDER, total_amount })).toEqual(['total_amount']));

  test('has no integer outside of 1 to 2147483647', () => {
    const outside = fc.oneof(
      fc.integer({ max: 0 }),
      fc.integer({ min: MAX + 1, max: Number.MAX_SAFE_INTEGER }),
      fc.double({ noInteger: true }),
    );
    fc.assert(
      fc.property(outside, fc.boolean(), fc.constantFrom('user_id', 'number_of_items'), (value, asText, field) => {
        expect(fieldsOf({ ...ORDER, [field]: asText ? String(value) : value })).toEqual([field]);
      }),
    );
  });

  test('is no other text', () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !/^\d+$/.test(value));
    fc.assert(
      fc.property(text, (value) => {
        expect(fieldsOf({ ...ORDER, user_id: value })).toEqual(['user_id']);
      }),
    );
  });

  test.each([null, 3, 'order', true, [], [ORDER]])('is no %j', (body) => expect(fieldsOf(body)).toEqual(['']));

  test('names everything that is wrong together, and never throws', () => {
    expect(fieldsOf({})).toEqual(['user_id', 'number_of_items', 'total_amount']);
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expect(orderErrors(body)).toBeInstanceOf(Array);
      }),
    );
  });

  test('may have other fields', () => expect(orderErrors({ ...ORDER, note: 'x', __proto__: null })).toEqual([]));
});
