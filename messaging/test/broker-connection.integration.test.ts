import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { type BrokerAddress, connectBroker, openChannel } from '../broker-connection.ts';

const topology = { exchanges: { billing: { type: 'direct', options: { durable: true } } } } as const;

/** A way to the broker that breaks after so many pieces from the broker: 0 lets everything pass. */
let relay: Relay;
let breakAfter = 0;
let pieces = 0;
let broker: BrokerAddress;
let throughRelay: BrokerAddress;

beforeAll(async () => {
  const { env } = inject('services');
  const host = env.RABBITMQ_HOST!;
  const port = Number(env.RABBITMQ_PORT);
  relay = await Relay.listen(
    () => port,
    () => () => {
      if (++pieces === breakAfter) relay.reset();
    },
  );
  const shared = { vhost: env.RABBITMQ_VHOST!, user: env.RABBITMQ_BILLING_USER!, password: env.RABBITMQ_BILLING_PASSWORD! };
  broker = { nodes: [{ host, port }], ...shared };
  throughRelay = { nodes: [{ host: '127.0.0.1', port: relay.port }], ...shared };
});
afterAll(() => {
  relay.close();
});

// An `error` that nobody listens to would end the process, and here the run.
test('a connection that breaks at any moment of its making and its end is a plain rejection, and leaves nothing behind', async () => {
  const broken = new Set<string>();
  for (breakAfter = 1; breakAfter <= 24; breakAfter++) {
    pieces = 0;
    try {
      await (await connectBroker(throughRelay, topology)).close();
    } catch (error) {
      broken.add((error as Error).message);
    }
    await expect.poll(() => relay.connections, { interval: 5, timeout: 5000 }).toBe(0);
  }
  breakAfter = 0;
  expect(broken.size).toBeGreaterThan(1);
}, 120_000);

test.each([0, 1, 2, 3, 5, 8])('a connection that breaks %i turns before its end ends as any other', async (turns) => {
  const connection = await connectBroker(throughRelay, topology);
  relay.reset();
  for (let i = 0; i < turns; i++) await turn();
  await connection.close();
  await connection.close();
  expect(connection.lost.aborted).toBe(true);
});

test.each([0, 1, 2, 3, 5, 8])('a connection that breaks %i turns after its end has begun ends as any other', async (turns) => {
  const connection = await connectBroker(throughRelay, topology);
  const closed = connection.close();
  for (let i = 0; i < turns; i++) await turn();
  relay.reset();
  await closed;
});

test('a channel that the broker closes says why', async () => {
  const { connection, close } = await connectBroker(broker, topology);
  const reason = await new Promise<Error & { code?: number }>((resolve, reject) => {
    openChannel((opened) => connection.createConfirmChannel(opened), resolve)
      .then((channel) => channel.publish('billing', 'x', Buffer.alloc(0)))
      .catch(reject);
  });
  expect(reason).toMatchObject({ code: 403, message: expect.stringContaining("exchange 'billing'") });
  await close();
});

test('of several nodes the first that answers is used', async () => {
  const nobody = { host: '127.0.0.1', port: 1 };
  const connection = await connectBroker({ ...broker, nodes: [nobody, nobody, ...broker.nodes] }, topology);
  expect(connection.lost.aborted).toBe(false);
  await connection.close();
  await expect(connectBroker({ ...broker, nodes: [nobody, nobody] }, topology)).rejects.toThrow('127.0.0.1:1');
});
