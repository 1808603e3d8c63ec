import { expect, test } from 'vitest';
import { balance } from '../power-cut.ts';

test('the books of a power cut tell what was lost and what was doubled', () => {
  const answers = new Map([
    [1, 200],
    [2, 200],
    [3, 200],
    [4, 503],
    [5, 503],
    [6, 503],
  ]);
  const rows = new Map([
    [1, 1],
    [3, 2],
    [5, 1],
    [6, 2],
  ]);
  expect(balance(answers, rows)).toEqual([
    'order 2, answered 200, is stored 0 times',
    'order 3, answered 200, is stored 2 times',
    'order 6, answered 503, is stored 2 times',
  ]);
});
