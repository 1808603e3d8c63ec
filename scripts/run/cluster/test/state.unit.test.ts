import { expect, test } from 'vitest';
import { type NodeState, redundancy } from '../state.ts';

const up: NodeState = {
  etcd: true,
  postgres: { role: 'standby', position: 1 },
  rabbitmq: true,
  haproxy: true,
  gateway: true,
  inventory: true,
  billing: true,
};
const dead: NodeState = {
  etcd: false,
  postgres: undefined,
  rabbitmq: false,
  haproxy: false,
  gateway: false,
  inventory: false,
  billing: false,
};
const primary: NodeState = { ...up, postgres: { role: 'primary', position: 1 } };
const synchronous: NodeState = { ...up, postgres: { role: 'synchronous standby', position: 1 } };

const ANY_MAY_FAIL = [
  'Orders are taken, and still are when any one node fails.',
  'Films and orders are stored, and still are when any one node fails.',
];

test.each([
  ['all three', [primary, synchronous, up], ANY_MAY_FAIL, true],
  ['all three without a gateway on one', [primary, synchronous, { ...up, gateway: false }], ANY_MAY_FAIL, false],
  [
    'two of three',
    [primary, synchronous, dead],
    [
      'Orders are taken. One more broker down stops them: 2 of 3 are up.',
      'Films and orders are stored. One more PostgreSQL down stops that: 2 of 3 are up.',
    ],
    false,
  ],
  [
    'no standby that the primary waits for yet',
    [primary, dead, up],
    [
      'Orders are taken. One more broker down stops them: 2 of 3 are up.',
      'Nothing is written to the databases: the primary has no synchronous standby, and would be the only one to have it. Orders wait in the queue.',
    ],
    false,
  ],
  [
    'one',
    [synchronous, dead, dead],
    [
      'Orders are refused: 1 of 3 brokers are up, and 2 are needed.',
      'Nothing is written to the databases: there is no primary, and 1 of 3 etcd are up, where 2 are needed to choose one. Orders wait in the queue.',
    ],
    false,
  ],
])('With %s, what is left is said in sentences', (_, states, sentences, isWhole) => {
  expect(redundancy(states)).toEqual({ sentences, isWhole });
});
