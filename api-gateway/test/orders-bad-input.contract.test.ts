import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { createClient, type Request } from './contract/client.ts';
import { openOrdersTable, uniqueUserId } from './contract/orders-table.ts';
import { gatewayUrl } from './contract/stack.ts';

const client = createClient(gatewayUrl);
const { call } = client;

/** Every refused order has this user, where its user is not what is wrong. */
const user_id = uniqueUserId();
const ORDER = { user_id, number_of_items: 5, total_amount: 180 };

afterAll(() => client.close());

type Bad = [what: string, field: string, value: unknown];

const badIntegers: [string, unknown][] = [
  ['missing', undefined],
  ['null', null],
  ['zero', 0],
  ['negative', -1],
  ['a fraction', 1.5],
  ['beyond 32 bits', 2_147_483_648],
  ['huge', 1e300],
  ['true', true],
  ['an array', [5]],
  ['an object', { value: 5 }],
  ['an empty string', ''],
  ['a word', 'five'],
  ['a string beyond 32 bits', '2147483648'],
  ['a negative string', '-1'],
  ['a string with a sign', '+1'],
  ['a string with an exponent', '1e1'],
  ['a hexadecimal string', '0x10'],
  ['a string with a unit', '5 films'],
  ['a string with NUL', '5\0'],
  ['a string of spaces', '   '],
  ['Arabic digits', '٥'],
];

const badAmounts: [string, unknown][] = [
  ['missing', undefined],
  ['null', null],
  ['negative', -0.01],
  ['with three decimals', 1.005],
  ['too large', 10_000_000_000],
  ['true', true],
  ['an array', [180]],
  ['an empty string', ''],
  ['a word', 'much'],
  ['a string with three decimals', '1.005'],
  ['a string too large', '10000000000.00'],
  ['a string with a comma', '180,50'],
  ['a string with a currency', '$180'],
  ['a string with an exponent', '1e2'],
  ['NaN', 'NaN'],
  ['Infinity', 'Infinity'],
];

const badFields: Bad[] = [
  ...badIntegers.map(([what, value]): Bad => [what, 'user_id', value]),
  ...badIntegers.map(([what, value]): Bad => [what, 'number_of_items', value]),
  ...badAmounts.map(([what, value]): Bad => [what, 'total_amount', value]),
];

const LARGE = JSON.stringify({ ...ORDER, note: 'x'.repeat(200_000) });

const badBodies: [what: string, status: number, request: Request][] = [
  ['no body', 400, { body: '', headers: { 'content-type': 'application/json' } }],
  ['a word', 400, { body: 'order' }],
  ['half an object', 400, { body: JSON.stringify(ORDER).slice(0, -1) }],
  ['two objects', 400, { body: JSON.stringify(ORDER).repeat(2) }],
  ['a form', 400, { body: 'user_id=3&number_of_items=5&total_amount=180' }],
  ['broken UTF-8', 400, { body: Buffer.from(JSON.stringify({ ...ORDER, note: 'ÿ' }), 'latin1') }],
  ['a number beyond all', 400, { body: `{"user_id":${user_id},"number_of_items":5,"total_amount":1e999}` }],
  ['5000 levels', 400, { body: `{"user_id":${'['.repeat(5000)}${']'.repeat(5000)}}` }],
  ['null', 400, { body: 'null' }],
  ['a string', 400, { body: '"3"' }],
  ['an array', 400, { body: [ORDER] }],
  ['an empty object', 400, { body: {} }],
  ['200 kB', 413, { body: LARGE }],
  ['200 kB, compressed', 413, { body: gzipSync(LARGE), headers: { 'content-encoding': 'gzip' } }],
  ['broken gzip', 400, { body: 'not gzip', headers: { 'content-encoding': 'gzip' } }],
  ['an unknown coding', 415, { body: ORDER, headers: { 'content-encoding': 'rot13' } }],
  ['text/plain', 415, { body: ORDER, headers: { 'content-type': 'text/plain' } }],
  ['a form type', 415, { body: 'user_id=3', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
  ['an unknown charset', 415, { body: ORDER, headers: { 'content-type': 'application/json; charset=latin1' } }],
];

describe('POST /api/billing refuses', () => {
  test.each(badFields)('%s: %s', async (_what, field, value) => {
    const { status, json } = await call('POST', '/api/billing', { body: { ...ORDER, [field]: value } });
    expect(status).toBe(400);
    expect(json.errors).toEqual([{ field, detail: expect.any(String) }]);
  });

  test.each(badBodies)('%s: %i', async (_what, status, request) => {
    expect((await call('POST', '/api/billing', request)).status).toBe(status);
  });

  test('all fields that are wrong, together', async () => {
    const { json } = await call('POST', '/api/billing', { body: { user_id: 0, number_of_items: 'x' } });
    expect(json.errors.map((error: { field: string }) => error.field)).toEqual(['user_id', 'number_of_items', 'total_amount']);
  });

  test('and stores none of them', async ({ skip }) => {
    const table = await openOrdersTable();
    if (!table) return skip('The database of the orders cannot be reached from here.');
    const last = uniqueUserId();
    await call('POST', '/api/billing', { body: { ...ORDER, user_id: last } });
    await table.arrived([last], 1); // so billing has seen whatever was on the queue before

    expect(await table.rowsOf([user_id])).toEqual([]);
    await table.close();
  });
});
