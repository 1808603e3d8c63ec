import { expect, test } from 'vitest';
import { type NodeState, redundancy } from '../state.ts';

const standby = (name: string, role: 'standby' | 'synchronous standby') => ({
  name,
  role,
  state: 'running',
  position: 1,
  streamsTo: [],
});

const up: NodeState = {
  etcd: true,
  postgres: standby('node-3', 'standby'),
  rabbitmq: true,
  haproxy: true,
  gateway: true,
  takesOrders: true,
  inventory: true,
  billing: true,
};
const dead: NodeState = {
  etcd: false,
  postgres: undefined,
  rabbitmq: false,
  haproxy: false,
  gateway: false,
  takesOrders: false,
  inventory: false,
  billing: false,
};
const leader = (streamsTo: string[]): NodeState => ({
  ...up,
  postgres: { name: 'node-1', role: 'primary', state: 'running', position: 1, streamsTo },
});
const primary = leader(['node-2', 'node-3']);
const synchronous: NodeState = { ...up, postgres: standby('node-2', 'synchronous standby') };
const whole = [primary, synchronous, up];

const TAKEN = 'Orders are taken, and still are when any one node fails.';
const STORED = 'Films and orders are stored, and still are when any one node fails.';
const ANY_MAY_FAIL = [TAKEN, STORED];
const without = (parts: Partial<NodeState>, ...places: number[]) =>
  whole.map((state, i) => (places.includes(i) ? { ...state, ...parts } : state));
const noGateway = { gateway: false, takesOrders: false };

test.each([
  ['all three', whole, ANY_MAY_FAIL, true],
  ['all three without a gateway on one', without(noGateway, 2), ANY_MAY_FAIL, false],
  [
    'one gateway',
    without(noGateway, 0, 1),
    [
      'Orders are taken. One more gateway down stops them: 1 of 3 is up.',
      'Films and orders are stored. One more gateway or inventory_app down stops films: 1 of 3 nodes serves them.',
    ],
    false,
  ],
  [
    'no gateway',
    without(noGateway, 0, 1, 2),
    [
      'Orders are refused: no gateway is up.',
      'Orders are stored, and still are when any one node fails. Films are not served: no gateway has an inventory_app that works.',
    ],
    false,
  ],
  [
    'gateways that have no inventory_app',
    without({ gateway: false, inventory: false }, 0, 1, 2),
    [
      TAKEN,
      'Orders are stored, and still are when any one node fails. Films are not served: no gateway has an inventory_app that works.',
    ],
    false,
  ],
  [
    'no billing_app',
    without({ billing: false }, 0, 1, 2),
    [TAKEN, 'Films are stored, and still are when any one node fails. Orders wait in the queue: no billing_app works.'],
    false,
  ],
  [
    'one billing_app',
    without({ billing: false }, 0, 1),
    [TAKEN, 'Films and orders are stored. One more billing_app down lets orders wait in the queue: 1 of 3 works.'],
    false,
  ],
  [
    'two etcd',
    without({ etcd: false }, 2),
    [TAKEN, 'Films and orders are stored. One more etcd down stops that: 2 of 3 are up.'],
    false,
  ],
  [
    'a primary that is about to give up',
    without({ etcd: false }, 1, 2),
    [
      TAKEN,
      'Nothing is written to the databases: 1 of 3 etcd are up, where 2 are needed to keep a primary. Orders wait in the queue.',
    ],
    false,
  ],
  [
    'a standby to which the primary streams nothing',
    [leader(['node-2']), synchronous, up],
    [TAKEN, 'Films and orders are stored. One more PostgreSQL down stops that: 2 of 3 are up.'],
    false,
  ],
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

test.each([
  [
    "the clients' address does not answer",
    { clients: false },
    ['Clients reach nothing: their address does not answer. npm run cluster -- heal brings it back.'],
  ],
  [
    'a cable is cut',
    { cuts: ['node-1 to node-3'] },
    [
      'Orders are taken. A cable is cut, so one more failure may stop that.',
      'Films and orders are stored. A cable is cut, so one more failure may stop that.',
    ],
  ],
  [
    'a copy of the queue has ended',
    { copies: 2 },
    ['Orders are taken. One more broker down may stop them: 2 of 3 copies of their queue work.', STORED],
  ],
  ['one copy is left', { copies: 1 }, ['Orders are refused: 1 of 3 copies of their queue work, and 2 are needed.', STORED]],
  ['nobody tells of copies', { copies: null }, ['Orders are taken. Nobody says whether all copies of their queue work.', STORED]],
  ['a disk is full', { alarms: ['disk on node-1'] }, ['Orders are refused until there is more disk on node-1.', STORED]],
])('Where all nodes are up and %s, that is said', (_, beside, sentences) => {
  expect(redundancy(whole, beside)).toEqual({ sentences, isWhole: false });
});

test('A disk that is full does not hide that too few brokers are up', () => {
  expect(redundancy([primary, dead, dead], { alarms: ['disk on node-1'] }).sentences.slice(0, 2)).toEqual([
    'Orders are refused until there is more disk on node-1.',
    'Orders are refused: 1 of 3 brokers are up, and 2 are needed.',
  ]);
});
