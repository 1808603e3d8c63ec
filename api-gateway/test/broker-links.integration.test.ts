import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { createTestVhost } from '../../scripts/prove/tests/services.ts';
import { connectOperator, type Operator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { startBroker } from '../../scripts/run/servers/rabbitmq/rabbitmq.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { BrokerLinks } from '../app/broker-links.ts';
import { loadConfig } from '../app/config.ts';
import { gatewayHealth } from '../app/health.ts';
import { Publisher } from '../app/publisher.ts';

/** Basic.Ack: AMQP 0-9-1, section 1.8.3.13. */
const ACK = Buffer.from([0, 60, 0, 80]);

/** Room for that many orders under way. */
const ROOM = 20;

let env: Record<string, string>;
let operator: Operator;
/** Each stands for a node: two ways to one real broker. */
let nodes: Relay[];
/** That came through each: of one message or of several. */
let confirms: number[];
let links: BrokerLinks;
let publisher: Publisher;
let logged: Record<string, unknown>[];

beforeAll(async () => {
  ({ env } = await createTestVhost());
});
beforeEach(async () => {
  operator = await connectOperator(env);
  await operator.channel.purgeQueue(env.BILLING_QUEUE!);
  confirms = [0, 0];
  const count = (i: number) => () => (piece: Buffer) => {
    for (let at = piece.indexOf(ACK); at >= 0; at = piece.indexOf(ACK, at + 1)) confirms[i]!++;
  };
  nodes = await Promise.all([0, 1].map((i) => Relay.listen(() => Number(env.RABBITMQ_PORT), count(i))));
});
afterEach(async () => {
  await publisher.close();
  await Promise.all(nodes.map((node) => node.close()));
  await operator.connection.close();
});

const nameOf = (node: Relay) => `127.0.0.1:${node.port}`;

/** Resolves when each of these nodes would take orders. */
async function start(through: Relay[]): Promise<void> {
  const { broker } = loadConfig({
    ...env,
    RABBITMQ_HOST: through.map(nameOf).join(),
    PUBLISH_TIMEOUT: '1500',
    GATEWAY_MAX_ORDERS_IN_FLIGHT: String(ROOM),
  });
  logged = [];
  const log = pino({ base: null, timestamp: false }, { write: (line: string) => logged.push(JSON.parse(line)) });
  links = new BrokerLinks(broker, log);
  publisher = new Publisher(links, broker, log);
  let open = 0;
  links.on('open', () => open++);
  links.open();
  await expect.poll(() => open, { timeout: 10_000, interval: 10 }).toBe(through.length);
}

async function publish(id: string = randomUUID()) {
  const started = performance.now();
  const trace = { requestId: 'request-1', traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, continued: false };
  const kind = await publisher.publish({ id, content: Buffer.from('{}'), trace }).then(
    () => 'confirmed',
    (error: { problem: { kind: string } }) => error.problem.kind,
  );
  return { id, kind, ms: performance.now() - started };
}

const kindOf = async () => (await publish()).kind;
const moves = () => logged.filter(({ left }) => left);

/** Ids of the orders in the queue, in their order. */
async function queued(): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const got = await operator.channel.get(env.BILLING_QUEUE!, { noAck: true });
    if (!got) return ids;
    ids.push(got.properties.messageId);
  }
}

test('When the connection to the node in use is lost, the next order goes through another at once', async () => {
  const [first, second] = nodes as [Relay, Relay];
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  expect(nodes.map(({ connections }) => connections)).toEqual([2, 2]);
  first.begin('cut');
  await expect.poll(() => logged.map(({ msg }) => msg), { interval: 5 }).toContain('broker lost');
  const next = await publish();
  expect(next.kind).toBe('confirmed');
  expect(next.ms).toBeLessThan(300);
  expect(moves()).toEqual([expect.objectContaining({ left: nameOf(first), reason: 'is not connected', node: nameOf(second) })]);

  expect(links.nodes).toEqual([
    { obstacle: 'unreachable', inUse: false },
    { obstacle: undefined, inUse: true },
  ]);
  const health = gatewayHealth('http://127.0.0.1:1', publisher, links);
  expect((await health.ready()).warnings).toEqual(['broker_nodes: only 1 of 2 takes orders']);
  first.heal();
  await expect.poll(async () => (await health.ready()).parts.broker_nodes?.state, { timeout: 5000 }).toBe('up');
  expect(await kindOf()).toBe('confirmed');
  expect(moves()).toHaveLength(1); // what works is not left
  second.begin('cut');
  await expect.poll(kindOf, { interval: 5 }).toBe('confirmed');
  expect(moves()).toHaveLength(2);
});

test.each(['black-hole', 'replies lost'] as const)(
  'Orders under way at a node that is lost go through another one under the same id (%s)',
  async (fault) => {
    const [first, second] = nodes as [Relay, Relay];
    await start(nodes);
    expect(await kindOf()).toBe('confirmed');
    await operator.channel.purgeQueue(env.BILLING_QUEUE!);
    first.begin(fault);
    const underWay = Array.from({ length: ROOM }, () => publish());
    await sleep(200); // long enough for a broker that is reached
    first.begin('cut');
    const ends = await Promise.all(underWay);
    expect(new Set(ends.map(({ kind }) => kind))).toEqual(new Set(['confirmed']));
    expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(1000);
    expect(moves()).toEqual([expect.objectContaining({ left: nameOf(first), node: nameOf(second) })]);
    const ids = await queued();
    expect(new Set(ids)).toEqual(new Set(ends.map(({ id }) => id)));
    expect(ids).toHaveLength(fault === 'replies lost' ? 2 * ROOM : ROOM); // billing stores each id once
  },
);

test('An order that was lost on its way is unknown when no other node takes it, not refused', async () => {
  const [first, second] = nodes as [Relay, Relay];
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  first.begin('black-hole');
  const underWay = publish();
  second.begin('cut');
  await expect.poll(() => links.counts.usable, { interval: 5 }).toBe(1);
  first.begin('cut');
  expect((await underWay).kind).toBe('outcome-unknown');
});

test('An order has its answer in time, through however many nodes it goes', async () => {
  const [first, second] = nodes as [Relay, Relay];
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  for (const node of nodes) node.begin('black-hole');
  const early = publish();
  await sleep(600);
  first.begin('cut');
  expect((await early).kind).toBe('outcome-unknown');
  expect((await early).ms).toBeLessThan(2000); // with a time of its own for the second one 2,100

  first.heal();
  second.heal();
  await expect.poll(() => links.counts.usable, { timeout: 8000 }).toBe(2);
  await expect.poll(kindOf).toBe('confirmed');
  const used = links.nodes.findIndex(({ inUse }) => inUse);
  nodes[used]!.begin('black-hole');
  const late = publish();
  await sleep(1000);
  nodes[used]!.begin('cut');
  expect((await late).kind).toBe('outcome-unknown'); // the rest of its time is not enough
  expect(moves().map(({ reason }) => reason)).not.toContain('does not confirm');
});

test('Each channel carries one order soon, so that the queue knows it; all others go through the node in use', async () => {
  await start(nodes);
  const probes = [...confirms];
  await expect
    .poll(async () => [await kindOf(), confirms[1]], { timeout: 5000, interval: 20 })
    .toEqual(['confirmed', probes[1]! + 1]);
  for (let i = 0; i < 50; i++) expect(await kindOf()).toBe('confirmed');
  expect(confirms[1]).toBe(probes[1]! + 1);
  expect(moves()).toEqual([]);
});

test('When the node in use freezes, orders under way are unknown within 2 s, the next go through another; late confirms do no harm', async () => {
  const [first, second] = nodes as [Relay, Relay];
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  first.begin('black-hole');
  const late = sleep(800).then(() => publish()); // still within its time when the node is left
  const ends = await Promise.all(Array.from({ length: ROOM - 1 }, () => publish()));
  expect(new Set(ends.map(({ kind }) => kind))).toEqual(new Set(['outcome-unknown']));
  expect(Math.max(...ends.map(({ ms }) => ms))).toBeLessThan(2000);

  const next = await Promise.all(Array.from({ length: ROOM - 1 }, () => publish()));
  expect(new Set(next.map(({ kind }) => kind))).toEqual(new Set(['confirmed']));
  expect(Math.max(...next.map(({ ms }) => ms))).toBeLessThan(500);
  expect(moves()).toEqual([expect.objectContaining({ left: nameOf(first), reason: 'does not confirm', node: nameOf(second) })]);

  first.heal();
  expect(await late).toMatchObject({ kind: 'confirmed' });
  await expect.poll(() => links.counts.usable).toBe(2);
  second.begin('cut');
  await expect.poll(kindOf, { interval: 5 }).toBe('confirmed');
  const ids = await queued();
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(expect.arrayContaining([...ends, ...next].map(({ id }) => id)));
});

test('When all nodes freeze, orders are refused at once until one is back, and each gets a new channel soon', async () => {
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  for (const node of nodes) node.begin('black-hole');
  for (const _ of nodes) {
    const { kind, ms } = await publish();
    expect(kind).toBe('outcome-unknown');
    expect(ms).toBeLessThan(2000);
  }
  for (let i = 0; i < 100; i++) {
    const { kind, ms } = await publish();
    expect(kind).toBe('broker-unreachable');
    expect(ms).toBeLessThan(50);
  }
  expect(logged).toContainEqual(expect.objectContaining({ msg: 'broker does not confirm, refusing orders until it does' }));
  const replaced = () => logged.filter(({ reason }) => reason === 'a confirm is overdue').map(({ node }) => node);
  // The queue's leader may have been on a third one. Waiting for the late confirms of the last channel kept orders away for five seconds.
  await expect.poll(replaced, { timeout: 2500 }).toEqual(nodes.map(nameOf));
  expect(links.counts.usable).toBe(0);
  nodes[0]!.heal();
  await expect.poll(kindOf, { timeout: 5000, interval: 20 }).toBe('confirmed');
});

test('A new channel takes orders, whatever the one before it still owes', async () => {
  const { home, rabbitmq, env: environment } = inject('services');
  const broker = await startBroker({ home, port: rabbitmq.port, environment });
  // The process that leads the queue stands still, as one whose node is frozen. A channel that waits for it, with its first message, is not closed.
  const leader = `whereis(list_to_atom("${env.RABBITMQ_VHOST}_${env.BILLING_QUEUE}"))`;
  await start(nodes);
  expect(await kindOf()).toBe('confirmed');
  await broker.control('eval', `sys:suspend(${leader}).`);
  try {
    for (const _ of nodes) expect(await kindOf()).toBe('outcome-unknown');
    await expect.poll(() => links.counts.usable, { timeout: 3000, interval: 10 }).toBe(nodes.length);
  } finally {
    await broker.control('eval', `sys:resume(${leader}).`);
  }
  await expect.poll(kindOf, { timeout: 5000, interval: 20 }).toBe('confirmed');
});

test('A full queue is told from a channel that asks for a leader that is gone: each node is tried once, and the order refused', async () => {
  const { home, rabbitmq, env: environment } = inject('services');
  const broker = await startBroker({ home, port: rabbitmq.port, environment });
  const policy = ['-p', env.RABBITMQ_VHOST!, '--priority', '100', '--apply-to', 'queues', 'full', `^${env.BILLING_QUEUE}$`];
  await broker.control('set_policy', ...policy, JSON.stringify({ 'max-length': 1, overflow: 'reject-publish' }));
  try {
    await start(nodes);
    await expect.poll(kindOf, { timeout: 10_000 }).toBe('queue-full');
    await publisher.close();
    await start(nodes); // with channels that have carried no order
    const lost = () => logged.filter(({ reason }) => reason === 'its first order was refused').map(({ node }) => node);
    const told = new Set<string>();
    const tried = async () => {
      told.add(await kindOf());
      return new Set(lost());
    };
    await expect.poll(tried, { timeout: 8000, interval: 5 }).toEqual(new Set(nodes.map(nameOf)));
    for (let i = 0; i < 50; i++) told.add(await kindOf());
    expect([...told]).toEqual(['queue-full']); // also while the channels are replaced
    expect(lost()).toHaveLength(nodes.length); // not once for each order
  } finally {
    await broker.control('clear_policy', '-p', env.RABBITMQ_VHOST!, 'full');
  }
  await operator.channel.purgeQueue(env.BILLING_QUEUE!);
  await expect.poll(kindOf, { timeout: 5000, interval: 20 }).toBe('confirmed');
});

test('With one node nothing is said of nodes', async () => {
  const [only] = nodes as [Relay];
  await start([only]);
  expect(await kindOf()).toBe('confirmed');
  expect(only.connections).toBe(2);
  only.begin('cut');
  await expect.poll(kindOf, { interval: 5 }).toBe('broker-unreachable');
  only.heal();
  await expect.poll(kindOf, { timeout: 5000, interval: 20 }).toBe('confirmed');
  expect(logged.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['broker connected', 'broker lost']));
  expect(logged.filter(({ node, left }) => node || left)).toEqual([]);
  const { parts } = await gatewayHealth('http://127.0.0.1:1', publisher, links).ready();
  expect(Object.keys(parts)).toEqual(['inventory', 'broker']);
});
