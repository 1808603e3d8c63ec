import type { ConsumeMessage } from 'amqplib';
import { describe, expect, it } from 'vitest';
import { deadLetterCopies, idsOf } from '../app/dead-letter.ts';

const copies = (properties: object, id = 'id') =>
  deadLetterCopies(
    {
      message: { fields: { redelivered: false }, properties, content: Buffer.alloc(0) } as unknown as ConsumeMessage,
      id,
      why: { kind: 'not-json', reason: 'because' },
    },
    'queue',
  );

describe('the copies of a dead letter', () => {
  it('begin with a whole one, without what would delete the letter or be refused', () => {
    const headers = { mine: 1, 'x-delivery-count': 2 };
    const [whole] = copies({ type: 'mine', expiration: '60000', userId: 'somebody', deliveryMode: 1, headers });
    expect(whole).toMatchObject({
      type: 'mine',
      messageId: 'id',
      headers: { mine: 1, 'x-attempts': 3, 'x-original-expiration': '60000', 'x-original-user-id': 'somebody' },
    });
    for (const name of ['expiration', 'userId', 'deliveryMode']) expect(whole).not.toHaveProperty(name);
    expect(whole!.headers).not.toHaveProperty('x-cut');
  });

  it.each([
    ['ASCII', 'x'.repeat(300)],
    ['what was not UTF-8', '\uFFFD'.repeat(255)],
    ['letters of four bytes', '😀'.repeat(100)],
  ])('have an id that AMQP can hold, of %s', (_, id) => {
    for (const { messageId } of copies({}, id)) {
      expect(Buffer.byteLength(messageId!)).toBeLessThanOrEqual(255);
      expect(id.startsWith(messageId!)).toBe(true);
    }
  });

  it.each([['many'], [-1], [1.5], [null]])('count the attempts also when the broker does not: x-delivery-count %j', (count) => {
    expect(copies({ headers: { 'x-delivery-count': count } })[0]!.headers).toMatchObject({ 'x-attempts': 1 });
  });
});

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;

it.each([
  ['the request', { 'x-request-id': 'mine' }, { request_id: 'mine' }],
  ['the request, cut', { 'x-request-id': 'x'.repeat(70) }, { request_id: 'x'.repeat(64) }],
  [
    'the trace too where it is another',
    { 'x-request-id': 'mine', traceparent: TRACEPARENT },
    { request_id: 'mine', trace_id: TRACE },
  ],
  ['one that is both once', { 'x-request-id': TRACE, traceparent: TRACEPARENT }, { request_id: TRACE }],
  ['the trace alone', { traceparent: TRACEPARENT }, { trace_id: TRACE }],
  ['nothing that is no id', { 'x-request-id': 3, traceparent: [TRACEPARENT] }, {}],
])('the log names %s', (_, headers, expected) => {
  expect(idsOf({ properties: { headers } } as unknown as ConsumeMessage)).toEqual(expected);
});
