import type { ConsumeMessage } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { createReceipts } from '../app/receipts.ts';

const message = (deliveryTag: number) => ({ fields: { deliveryTag } }) as ConsumeMessage;
const done = (...tags: number[]) => tags.map((tag) => ({ message: message(tag) }));
const NONE = Number.POSITIVE_INFINITY;

function start(state: { letter?: number; putOff?: number; stuck?: boolean }) {
  const sent: string[] = [];
  const receipts = createReceipts(
    {
      ack: ({ fields }, upTo) => sent.push(`${upTo?.allEarlier ? 'up to' : 'ack'} ${fields.deliveryTag}`),
      giveBack: ({ fields }) => sent.push(`back ${fields.deliveryTag}`),
    },
    {
      oldest: () => state.putOff ?? NONE,
      returnable: () => {
        const tag = state.putOff;
        delete state.putOff;
        return tag === undefined ? [] : [message(tag)];
      },
      settled: () => {},
    },
    { oldest: () => state.letter ?? NONE, stuck: () => state.stuck ?? false },
    8,
  );
  return { receipts, sent };
}

describe('receipts', () => {
  it('cover all that is stored with one acknowledgement', () => {
    const { receipts, sent } = start({});
    receipts.add(done(1, 2, 3));
    receipts.sendDue();
    receipts.sendDue();
    expect(sent).toEqual(['up to 3']);
  });

  it('wait behind a letter on its way, each its own once three quarters of what may be in hand wait', () => {
    const { receipts, sent } = start({ letter: 3 });
    receipts.add(done(1, 2, 4, 5));
    receipts.sendDue();
    expect(sent).toEqual(['up to 2']);
    receipts.add(done(6, 7, 8));
    receipts.sendDue();
    expect(sent.slice(1)).toEqual([]);
    receipts.add(done(9));
    receipts.sendDue();
    expect(sent.slice(1)).toEqual(['ack 4', 'ack 5', 'ack 6', 'ack 7', 'ack 8', 'ack 9']);
  });

  it('do not wait behind letters that cannot be written', () => {
    const { receipts, sent } = start({ letter: 1, stuck: true });
    receipts.add(done(2));
    receipts.sendDue();
    expect(sent).toEqual(['ack 2']);
  });

  it('never cover a message that was put off, and go on once it is given back', () => {
    const { receipts, sent } = start({ putOff: 2 });
    receipts.add(done(1, 3));
    receipts.sendDue();
    expect(sent).toEqual(['up to 1', 'back 2', 'up to 3']);
  });
});
