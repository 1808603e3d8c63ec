import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Activity } from '../app/activity.ts';
import type { IncomingOrder } from '../app/order-store.ts';
import { createPatientStore } from '../app/patient-store.ts';

const log = pino({ level: 'silent' });
const activity = new Activity();
const failure = (originalCode: string) =>
  Object.assign(new Error(originalCode), { meta: { driverAdapterError: { cause: { originalCode } } } });
const orders = (count: number): IncomingOrder[] =>
  Array.from({ length: count }, (_, index) => ({
    messageId: String(index),
    contentHash: '',
    order: { userId: 1, numberOfItems: 1, totalAmount: '1' },
  }));

describe('the patient store', () => {
  it('parts a refused order from its neighbours', async () => {
    const store = createPatientStore(
      async (incoming) => {
        if (incoming.some(({ messageId }) => messageId === '5')) throw failure('23514');
        return incoming.map(({ messageId }) => ({ stored: Number(messageId) }));
      },
      activity,
      log,
    );
    const outcomes = await store(orders(8), new AbortController().signal);
    expect(outcomes.map((outcome) => typeof outcome === 'object' && 'refused' in outcome)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((index) => index === 5),
    );
  });

  it.each(['53300', '53100', '25006', '57P01', '57014', '40001', '40P01', '08006', '42P01', '28P01', '23505', 'ECONNREFUSED'])(
    'waits on %s, a few attempts a second, and never refuses an order for it',
    async (code) => {
      let attempts = 0;
      const store = createPatientStore(
        async () => {
          attempts++;
          throw failure(code);
        },
        activity,
        log,
      );
      await expect(store(orders(1), AbortSignal.timeout(700))).rejects.toThrow();
      expect(attempts).toBe(2);
    },
  );
});
