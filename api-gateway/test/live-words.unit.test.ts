import { expect, test } from 'vitest';
import type { LiveNode, LiveState } from '../app/live/state.ts';
import { instanceText, summaryOf } from '../page/words.js';

const since = '2026-11-26T22:14:28.777Z';
const up = { state: 'up', since } as const;
const down = { state: 'down', since, reason: 'cannot be reached' } as const;

const nodeOf = (
  name: string,
  role: NonNullable<LiveNode['database']>['role'],
  broker: LiveNode['broker'] | typeof up | typeof down = up,
): LiveNode => ({
  name,
  broker: { ...broker, inUse: false },
  database: role ? { ...up, role } : down,
});
const dead = (name: string) => nodeOf(name, undefined, down);
const primary = nodeOf('node-1', 'primary');
const synchronous = nodeOf('node-2', 'synchronous standby');

const summary = (nodes?: LiveNode[]) => summaryOf({ parts: { gateway: up }, ...(nodes && { nodes }) } as unknown as LiveState);

test.each([
  ['one of everything', undefined, 'All parts work.'],
  ['all three nodes', [primary, synchronous, nodeOf('node-3', 'standby')], 'All parts work.'],
  [
    'two of three',
    [primary, synchronous, dead('node-3')],
    'All parts work. Orders are taken. One more broker down stops them: 2 of 3 are up. Films and orders are stored. One more PostgreSQL down stops that: 2 of 3 are up.',
  ],
  [
    'one of three, before an order or a film has noticed',
    [primary, dead('node-2'), dead('node-3')],
    'Orders are refused: 1 of 3 brokers are up, and 2 are needed. Nothing is written to the databases: the primary has no synchronous standby, and would be the only one to have it. Orders wait in the queue.',
  ],
  [
    'all brokers, and no node that tells of PostgreSQL',
    [nodeOf('node-1', undefined), nodeOf('node-2', undefined), nodeOf('node-3', undefined)],
    'All parts work. No node tells of its PostgreSQL.',
  ],
])('With %s, the page begins with what matters', (_, nodes, text) => {
  expect(summary(nodes)).toBe(text);
});

const OF_THIS_NODE = 'Of this node alone, as are refusals, and what billing has in hand and has parked.';

test.each([
  ['one process', undefined, { of: 1, seen: 1 }, ''],
  ['two', undefined, { of: 2, seen: 1 }, 'Of 1 of 2 gateway processes: the others do not tell.'],
  ['a node', [primary], { of: 1, seen: 1 }, OF_THIS_NODE],
  ['a node with two', [primary], { of: 2, seen: 2 }, `${OF_THIS_NODE} Of all 2 gateway processes.`],
])('The flows of %s are said to be no more than that', (_, nodes, instance, text) => {
  expect(instanceText({ instance, ...(nodes && { nodes }) } as unknown as LiveState)).toBe(text);
});
