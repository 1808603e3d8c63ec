import type { ConsumeMessage } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { Inbox } from '../app/inbox.ts';

const MB = 1_000_000;
const never = new AbortController().signal;
const message = (deliveryTag: number, bytes = 100) =>
  ({ fields: { deliveryTag }, properties: {}, content: Buffer.alloc(bytes) }) as unknown as ConsumeMessage;
const tags = (messages: ConsumeMessage[]) => messages.map(({ fields }) => fields.deliveryTag);

describe('the inbox', () => {
  it('hands out what came, in its order, a batch at a time', async () => {
    const inbox = new Inbox();
    for (const tag of [1, 2, 3]) inbox.deliver(message(tag));
    expect(inbox.holds(3)).toBe(true);
    expect(tags(await inbox.take(2, never))).toEqual([1, 2]);
    expect(tags(await inbox.take(2, never))).toEqual([3]);
  });

  it('waits for a message, and no longer than until the signal aborts', async () => {
    const inbox = new Inbox();
    const taking = inbox.take(2, never);
    inbox.deliver(message(1));
    expect(tags(await taking)).toEqual([1]);
    const stop = new AbortController();
    const inVain = inbox.take(2, stop.signal);
    stop.abort();
    expect(await inVain).toEqual([]);
    expect(await inbox.take(2, stop.signal)).toEqual([]);
  });

  it('puts off large messages only when 64 MiB of them are in hand, lets go of their contents, and keeps all their neighbours', async () => {
    const inbox = new Inbox();
    for (let tag = 1; tag <= 20; tag++) inbox.deliver(message(tag, tag % 2 === 0 ? 16 * MB : 100));
    expect(tags(await inbox.take(100, never))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 17, 19]);
    expect(inbox.oldest()).toBe(10);
    expect(inbox.returnable()).toEqual([]);
  });

  it('gives back what was put off, oldest first, as far as there is room', async () => {
    const inbox = new Inbox();
    const large = [1, 2, 3, 4, 5, 6, 7].map((tag) => message(tag, 16 * MB));
    for (const each of large) inbox.deliver(each);
    inbox.settled(large.slice(0, 2));
    const returned = inbox.returnable();
    expect(tags(returned)).toEqual([5, 6]);
    expect(returned.map(({ content }) => content.length)).toEqual([0, 0]);
    expect(inbox.oldest()).toBe(7);
    inbox.settled(large.slice(2, 4));
    expect(tags(inbox.returnable())).toEqual([7]);
    expect(inbox.oldest()).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes a message that is larger than all the room, when it is the only large one', async () => {
    const inbox = new Inbox();
    const first = message(1, 1 * MB);
    inbox.deliver(first);
    inbox.deliver(message(2, 100 * MB));
    expect(tags(await inbox.take(9, never))).toEqual([1]);
    inbox.settled([first]);
    expect(tags(inbox.returnable())).toEqual([2]);
    inbox.deliver(message(3, 100 * MB));
    expect(tags(await inbox.take(9, never))).toEqual([3]);
  });
});
