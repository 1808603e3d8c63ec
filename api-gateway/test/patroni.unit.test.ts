import { expect, test } from 'vitest';
import { lagsOf, readPatroni, withoutLog } from '../app/live/patroni.ts';
import { PRIMARY, STANDBY, SYNCHRONOUS } from './harness/patroni.ts';

const told = (answer: object, name = 'node-1') => readPatroni(JSON.stringify(answer), name);

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
  expect(() => readPatroni(body, 'node-1')).toThrow();
});

test('A standby is behind the primary by what it has not applied, and never ahead', () => {
  const ahead = { ...SYNCHRONOUS, xlog: { replayed_location: 92_935_600 } }; // it was asked a moment later
  expect(lagsOf([told(STANDBY), told(PRIMARY), told(ahead), undefined])).toEqual([35_536, undefined, 0, undefined]);
});

test('Nobody is behind while there is no primary', () => {
  expect(lagsOf([told(STANDBY), told(SYNCHRONOUS)])).toEqual([undefined, undefined]);
});

test('A standby to which the primary streams nothing is told apart: it was cut off, or still fetches what it missed', () => {
  const standbys = [told(SYNCHRONOUS, 'node-2'), told(STANDBY, 'node-3'), undefined];
  const [first] = PRIMARY.replication;
  expect(withoutLog([told(PRIMARY), ...standbys])).toEqual([false, false, false, false]);
  expect(withoutLog([told({ ...PRIMARY, replication: [first] }), ...standbys])).toEqual([false, false, true, false]);
  const fetching = { ...first, application_name: 'node-3', state: 'catchup' };
  expect(withoutLog([told({ ...PRIMARY, replication: [first, fetching] }), ...standbys])).toEqual([false, false, true, false]);
  const { replication: _, ...alone } = PRIMARY; // as Patroni tells it of a primary without any
  expect(withoutLog([told(alone), ...standbys])).toEqual([false, true, true, false]);
});

test('Nobody is blamed for it while there is no primary', () => {
  expect(withoutLog([told(SYNCHRONOUS, 'node-2'), told(STANDBY, 'node-3')])).toEqual([false, false]);
});
