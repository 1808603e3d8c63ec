import { Health } from '@crud-master/plumbing/health';
import { expect, test } from 'vitest';
import type { BillingReport } from '../app/live/billing-reports.ts';
import type { NodeView } from '../app/live/cluster-nodes.ts';
import type { QueueCount } from '../app/live/queue-watch.ts';
import { Sampler } from '../app/live/state.ts';
import { Traffic } from '../app/live/traffic.ts';

interface Seen {
  queue: QueueCount;
  /** How many of three brokers take orders; undefined with one of everything. */
  brokers?: number;
  billing?: { reports: BillingReport[]; expected: number };
}

const up = { state: 'up', since: '2026-11-26T22:14:28.777Z' } as const;
const told: BillingReport = { parts: { broker: up, database: up }, in_hand: 0, parked: {}, newest: [] };

function look({ queue, brokers, billing = { reports: [told], expected: 1 } }: Seen) {
  const nodes = brokers === undefined ? [] : [1, 2, 3];
  const views = nodes.map((number): NodeView => {
    const brokerReason = number > brokers! ? 'is not connected' : undefined;
    return { name: `node-${number}`, brokerReason, inUse: number === 1, database: undefined };
  });
  const sampler = new Sampler({
    health: new Health([
      { name: 'inventory', check: () => undefined },
      { name: 'broker', check: () => undefined },
    ]),
    queues: { count: async () => queue },
    traffic: new Traffic(),
    siblings: { portions: async () => [] },
    billing: { look: async () => billing },
    nodes: { look: async () => views },
    tellsReasons: false,
    billingQueue: 'billing_queue',
    deadLetterQueue: 'billing_dead_letters',
    instances: 1,
  });
  return sampler.look();
}

const EMPTY = { messages: 0, consumers: 0 };

test('A broker without a majority says of every queue that it is empty and nobody consumes it: nothing is known then', async () => {
  const { parts, queue, deadLetters, oldestWait } = await look({ queue: EMPTY, brokers: 1 });
  expect({ queue, deadLetters, oldestWait }).toEqual({ queue: null, deadLetters: null, oldestWait: null });
  expect(parts.broker).toMatchObject({ state: 'down', reason: 'does not answer' });
  expect(parts.billing.reason).toBe('waits for the broker');
});

test.each([
  ['a majority', { queue: EMPTY, brokers: 2 }, EMPTY],
  ['one broker of one', { queue: EMPTY }, EMPTY],
  [
    'a leader that was asked just before it was lost',
    { queue: { messages: 3, consumers: 3 }, brokers: 1 },
    { messages: 3, consumers: 3 },
  ],
])('What %s says of a queue is so', async (_, seen: Seen, queue) => {
  expect((await look(seen)).queue).toEqual(queue);
});

const consumed = { messages: 0, consumers: 2 };
const silent = { reports: [], expected: 1 };

test('A billing that stands still is told apart before the broker notices it', async () => {
  expect((await look({ queue: consumed, billing: silent })).parts.billing).toMatchObject({ reason: 'does not answer' });
});

test("Of several nodes billing works as long as another node's consumes the queue", async () => {
  expect((await look({ queue: consumed, brokers: 3, billing: silent })).parts.billing).toMatchObject({ state: 'up' });
});
