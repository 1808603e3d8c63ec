import { expect, test } from 'vitest';
import { lagsOf, readPatroni } from '../app/live/patroni.ts';
import { PRIMARY, STANDBY, SYNCHRONOUS } from './harness/patroni.ts';

const told = (answer: object) => readPatroni(JSON.stringify(answer));

test.each([
  ['the primary', PRIMARY, 'primary', 92_935_536],
  ['the primary, by Patroni 4', { ...PRIMARY, role: 'primary' }, 'primary', 92_935_536],
  ['the standby that a commit waits for', SYNCHRONOUS, 'synchronous standby', 92_935_536],
  ['a standby', STANDBY, 'standby', 92_900_000],
  ['none while it starts', { state: 'starting', role: 'master' }, undefined, undefined],
])('A PostgreSQL is %s', (_, answer, role, position) => {
  expect(told(answer)).toMatchObject({ role, position });
});

test.each(['{}', 'null', '<html>'])('%s is no answer of Patroni', (body) => {
  expect(() => readPatroni(body)).toThrow();
});

test('A standby is behind the primary by what it has not applied, and never ahead', () => {
  const ahead = { ...SYNCHRONOUS, xlog: { replayed_location: 92_935_600 } }; // it was asked a moment later
  expect(lagsOf([told(STANDBY), told(PRIMARY), told(ahead), undefined])).toEqual([35_536, undefined, 0, undefined]);
});

test('Nobody is behind while there is no primary', () => {
  expect(lagsOf([told(STANDBY), told(SYNCHRONOUS)])).toEqual([undefined, undefined]);
});
