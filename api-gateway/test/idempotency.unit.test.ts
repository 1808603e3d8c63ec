import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { idempotencyKey, messageId, RecentKeys } from '../app/idempotency.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-([48])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('A key', () => {
  test('is the same quoted and bare', () => {
    expect(idempotencyKey('"8e03978e-40d5"')).toBe('8e03978e-40d5');
    expect(idempotencyKey('8e03978e-40d5')).toBe('8e03978e-40d5');
    expect(idempotencyKey(undefined)).toBeUndefined();
  });

  test.each(['', ' ', 'a b', '""', 'é', 'a\tb', 'x'.repeat(256), ['a', 'b']])('may not be %j', (field) => {
    expect(() => idempotencyKey(field as string)).toThrow('Idempotency-Key must be');
  });
});

describe('A message id', () => {
  test('is random without a key', () => {
    expect(UUID.exec(messageId(undefined))?.[1]).toBe('4');
    expect(messageId(undefined)).not.toBe(messageId(undefined));
  });

  test('is the same for the same key, and another for another', () => {
    const key = fc.string({ minLength: 1, maxLength: 255 });
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(UUID.exec(messageId(one))?.[1]).toBe('8');
        expect(messageId(one) === messageId(other)).toBe(one === other);
      }),
    );
  });

  test('does not change from one version of the gateway to the next', () => {
    expect(messageId('key')).toBe(KNOWN);
  });
});

/** Orders of yesterday were stored under it. */
const KNOWN = 'b02a8509-433e-87a0-9dfc-d321aea46557';

describe('Recent keys', () => {
  const [one, other] = [Buffer.from('one'), Buffer.from('other')];
  const taken = async () => {};
  const refused = async () => {
    throw Object.assign(new Error('refused'), { notTaken: true });
  };
  const unknown = async () => {
    throw new Error('unknown');
  };
  const REUSED = 'used for another order';

  test('refuse another content for what was taken, and for what may have been', async () => {
    const keys = new RecentKeys(10);
    await keys.publish('a', one, taken);
    await keys.publish('a', one, taken);
    await expect(keys.publish('a', other, taken)).rejects.toThrow(REUSED);
    await expect(keys.publish('b', one, unknown)).rejects.toThrow('unknown');
    await expect(keys.publish('b', other, taken)).rejects.toThrow(REUSED);
  });

  test('forget what was refused, but not what was taken before', async () => {
    const keys = new RecentKeys(10);
    await expect(keys.publish('a', one, refused)).rejects.toThrow('refused');
    await keys.publish('a', other, taken);
    await expect(keys.publish('a', other, refused)).rejects.toThrow('refused');
    await expect(keys.publish('a', one, taken)).rejects.toThrow(REUSED);
  });

  test('hold a key while one order is under way, and until the last request with it is refused', async () => {
    const keys = new RecentKeys(10);
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const requests = [keys.publish('a', one, () => first.promise), keys.publish('a', one, () => second.promise)];
    await expect(keys.publish('a', other, taken)).rejects.toThrow(REUSED);
    first.reject(Object.assign(new Error('refused'), { notTaken: true }));
    await expect(requests[0]).rejects.toThrow('refused');
    await expect(keys.publish('a', other, taken)).rejects.toThrow(REUSED);
    second.reject(Object.assign(new Error('refused'), { notTaken: true }));
    await expect(requests[1]).rejects.toThrow('refused');
    await keys.publish('a', other, taken);
  });

  test('forget what was used longest ago, and no more', async () => {
    const keys = new RecentKeys(2);
    for (const id of ['a', 'b', 'a', 'c']) await keys.publish(id, one, taken);
    await expect(keys.publish('a', other, taken)).rejects.toThrow(REUSED);
    await keys.publish('b', other, taken);
  });
});
