import type { ConsumeMessage, Options } from 'amqplib';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Letter } from '../app/dead-letter.ts';
import { Letterbox } from '../app/letterbox.ts';

const letter = (deliveryTag: number, properties: object = {}): Letter => ({
  message: { fields: { deliveryTag, redelivered: false }, properties, content: Buffer.from('x') } as unknown as ConsumeMessage,
  id: `id-${deliveryTag}`,
  why: { kind: 'not-json', reason: 'because' },
});

function start(publish: (properties: Options.Publish) => Promise<void>) {
  const stop = new AbortController();
  const delivered: number[] = [];
  let declared = 0;
  const letterbox = new Letterbox({
    session: {
      lost: stop.signal,
      publishDeadLetter: async (_, properties) => publish(properties),
      declare: async () => void declared++,
    },
    queue: 'queue',
    delivered: ({ fields }) => delivered.push(fields.deliveryTag),
    changed: () => {},
    stop: stop.signal,
    activity: { park: () => {}, lettersStuck: false },
    log: pino({ level: 'silent' }),
  });
  return { letterbox, delivered, stop, declared: () => declared };
}

describe('the letterbox', () => {
  it('knows the oldest letter that is not delivered', async () => {
    const open = Promise.withResolvers<void>();
    const { letterbox, delivered } = start(() => open.promise);
    expect(letterbox.oldest()).toBe(Number.POSITIVE_INFINITY);
    letterbox.add([letter(4), letter(2)]);
    letterbox.add([letter(7)]);
    expect(letterbox.oldest()).toBe(2);
    open.resolve();
    await letterbox.finished();
    expect(delivered.sort()).toEqual([2, 4, 7]);
    expect(letterbox.oldest()).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['headers', 1],
    ['headers, properties', 2],
  ])('cuts the %s of a letter that cannot be sent as it is, without declaring or waiting', async (cut, failures) => {
    const sent: Options.Publish[] = [];
    const { letterbox, delivered, declared } = start(async (properties) => {
      sent.push(properties);
      if (properties.messageId === 'id-1' && sent.filter(({ messageId }) => messageId === 'id-1').length <= failures) {
        throw new RangeError('out of range');
      }
    });
    letterbox.add([letter(1, { type: 'mine', headers: { mine: 1 } }), letter(2)]);
    await letterbox.finished();
    expect(delivered.sort()).toEqual([1, 2]);
    const last = sent.filter(({ messageId }) => messageId === 'id-1').at(-1)!;
    expect(last).toMatchObject({ messageId: 'id-1', headers: { 'x-cut': cut, 'x-reason': 'because' } });
    expect(last.headers).not.toHaveProperty('mine');
    expect(declared()).toBe(0);
    expect(letterbox.stuck()).toBe(false);
  });

  it('keeps whole what the broker does not take, declares the topology, and tries again', async () => {
    const sent: Options.Publish[] = [];
    const { letterbox, delivered, declared } = start(async (properties) => {
      sent.push(properties);
      if (sent.length === 1) throw new Error('the dead-letter queue is missing');
    });
    letterbox.add([letter(1, { headers: { mine: 1 } })]);
    await vi.waitFor(() => expect(letterbox.stuck()).toBe(true));
    expect(letterbox.oldest()).toBe(1);
    await letterbox.finished();
    expect(delivered).toEqual([1]);
    expect(declared()).toBe(1);
    expect(sent.map(({ headers }) => headers?.mine)).toEqual([1, 1]);
    expect(letterbox.stuck()).toBe(false);
  });

  it('ends with its session', async () => {
    const { letterbox, delivered, stop } = start(async () => {
      throw new Error('away');
    });
    letterbox.add([letter(1)]);
    await vi.waitFor(() => expect(letterbox.stuck()).toBe(true));
    stop.abort();
    await letterbox.finished();
    expect(delivered).toEqual([]);
  });
});
