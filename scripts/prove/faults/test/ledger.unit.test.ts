import { describe, expect, test } from 'vitest';
import { type Books, balance } from '../ledger.ts';
import type { Answer, SentOrder } from '../orders.ts';

const answer = (status: Answer['status'], kind?: string, messageId?: string): Answer => ({
  status,
  type: kind && `urn:crud-master:problem:${kind}`,
  messageId,
  sent: 0,
  took: 1,
});
const ok = answer(200, undefined, 'id-7');
const order = (answers: Answer[], more: Partial<SentOrder> = {}): SentOrder => ({
  userId: 7,
  numberOfItems: 2,
  totalAmount: '10.50',
  again: false,
  answers,
  ...more,
});
const row = { id: 1, userId: 7, numberOfItems: 2, totalAmount: '10.50' };
const books = (more: Partial<Books>): Books => ({ orders: [], rows: [], queued: 0, deadLetters: [], poison: new Map(), ...more });

describe('the books balance', () => {
  test.each<[string, Partial<Books>]>([
    ['an order that was answered 200 and is stored', { orders: [order([ok])], rows: [row] }],
    ['one that was refused and is not stored', { orders: [order([answer(503, 'broker-unreachable')])] }],
    ['one without an answer, not stored', { orders: [order([answer('none')])] }],
    ['one without an answer, stored', { orders: [order([answer('none')])], rows: [row] }],
    ['one whose outcome is unknown, stored', { orders: [order([answer(503, 'outcome-unknown')])], rows: [row] }],
    ['one that was tried again with its key', { orders: [order([answer('none'), ok, ok], { key: 'k' })], rows: [row] }],
    [
      'poison in the dead letters, twice',
      { deadLetters: Array(2).fill({ content: 'x', reason: '' }), poison: new Map([['x', true]]) },
    ],
    ['poison that the broker did not confirm, nowhere', { poison: new Map([['x', false]]) }],
  ])('%s', (_, more) => {
    expect(balance(books(more)).wrong).toEqual([]);
  });
});

describe('the books do not balance', () => {
  test.each<[string, Partial<Books>, string]>([
    ['answered 200, not stored', { orders: [order([ok])] }, 'answered 200 and is not stored'],
    ['answered 200, stored twice', { orders: [order([ok])], rows: [row, { ...row, id: 2 }] }, 'stored 2 times (rows 1, 2)'],
    ['no answer, stored twice', { orders: [order([answer('none')])], rows: [row, { ...row, id: 2 }] }, 'stored 2 times'],
    ['refused, and stored', { orders: [order([answer(503, 'queue-full')])], rows: [row] }, 'told that it was not taken'],
    ['a key that was never answered 200', { orders: [order([answer(503, 'queue-full')], { key: 'k' })] }, 'never answered 200'],
    [
      'two message ids for one key',
      { orders: [order([ok, answer(200, undefined, 'id-8')], { key: 'k' })], rows: [row] },
      'several message ids',
    ],
    ['another answer than 200 or 503', { orders: [order([answer(500)])] }, 'answered 500'],
    ['another amount', { orders: [order([ok])], rows: [{ ...row, totalAmount: '10.51' }] }, '10.51'],
    ['a row of nobody', { rows: [row] }, 'nobody sent this order'],
    ['a message in the queue', { queued: 1 }, '1 messages are still in the queue'],
    [
      'an order in the dead letters',
      { deadLetters: [{ content: '{}', reason: 'conflict' }] },
      'though it is an order: {} (conflict)',
    ],
    ['poison that is nowhere', { poison: new Map([['x', true]]) }, 'and so lost: x'],
  ])('%s', (_, more, sentence) => {
    expect(balance(books(more)).wrong).toEqual([expect.stringContaining(sentence)]);
  });
});
