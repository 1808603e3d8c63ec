import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { connectOperator } from '../operator.ts';

const connections: ChannelModel[] = [];

afterEach(async () => {
  for (const connection of connections.splice(0)) await connection.close().catch(() => {});
});

async function connect(user: string, password: string, vhost = inject('services').rabbitmq.vhost): Promise<ConfirmChannel> {
  const own = { RABBITMQ_ADMIN_USER: user, RABBITMQ_ADMIN_PASSWORD: password, RABBITMQ_VHOST: vhost };
  const { connection, channel } = await connectOperator({ ...inject('services').env, ...own });
  connections.push(connection);
  return channel;
}

const as = (role: 'gateway' | 'billing') => {
  const { user, password } = inject('services').rabbitmq[role];
  return connect(user, password);
};

type Deed = (channel: ConfirmChannel, queue: string, dead: string) => Promise<unknown>;

/** Resolves when the broker let it happen: a publish is refused by closing the channel, not by an answer. */
async function attempt(channel: ConfirmChannel, deed: Deed): Promise<unknown> {
  const { BILLING_QUEUE, BILLING_DEAD_LETTER_QUEUE } = inject('services').env;
  const refused = new Promise((_, reject) => channel.on('error', reject));
  return Promise.race([refused, deed(channel, BILLING_QUEUE!, BILLING_DEAD_LETTER_QUEUE!)]);
}

function publishTo(exchange: string): Deed {
  return async (channel, queue) => {
    channel.publish(exchange, queue, Buffer.from('{}'));
    await channel.waitForConfirms();
  };
}

const REFUSED = expect.objectContaining({ message: expect.stringMatching(/ACCESS[_-]REFUSED/) });

describe('the gateway may publish orders, and may not', () => {
  test.each<[string, Deed]>([
    ['consume orders', (channel, queue) => channel.consume(queue, () => {})],
    ['take an order', (channel, queue) => channel.get(queue)],
    ['take a dead letter', (channel, _, dead) => channel.get(dead)],
    ['throw orders away', (channel, queue) => channel.purgeQueue(queue)],
    ['delete the queue', (channel, queue) => channel.deleteQueue(queue)],
    ['declare a queue', (channel) => channel.assertQueue('own')],
    ['declare an exchange', (channel) => channel.assertExchange('own', 'direct')],
    ['bind the queue', (channel, queue) => channel.bindQueue(queue, 'billing', 'other')],
    ['publish to the default exchange', publishTo('')],
    ['publish to the dead letters', publishTo('billing.dead')],
    ['publish to another exchange', publishTo('amq.direct')],
  ])('%s', async (_, deed) => {
    await expect(attempt(await as('gateway'), deed)).rejects.toEqual(REFUSED);
  });
});

describe('billing may consume orders and park them, and may not', () => {
  test.each<[string, Deed]>([
    ['publish an order', publishTo('billing')],
    ['publish to the default exchange', publishTo('')],
    ['publish to another exchange', publishTo('amq.direct')],
    ['take a dead letter', (channel, _, dead) => channel.get(dead)],
    ['consume dead letters', (channel, _, dead) => channel.consume(dead, () => {})],
    ['throw dead letters away', (channel, _, dead) => channel.purgeQueue(dead)],
    ['declare another queue', (channel) => channel.assertQueue('own')],
    ['declare another exchange', (channel) => channel.assertExchange('own', 'direct')],
    ['bind the queue to another exchange', (channel, queue) => channel.bindQueue(queue, 'amq.direct', queue)],
  ])('%s', async (_, deed) => {
    await expect(attempt(await as('billing'), deed)).rejects.toEqual(REFUSED);
  });

  test('its queue it may declare again, plainly', async () => {
    await expect(
      attempt(await as('billing'), (channel, queue) => channel.assertQueue(queue, { durable: true })),
    ).resolves.toBeDefined();
  });
});

test.each([
  ['guest', 'guest'],
  ['guest', ''],
])('there is no %s with the password "%s"', async (user, password) => {
  await expect(connect(user, password)).rejects.toThrow(/ACCESS.REFUSED/);
});

test.each(['gateway', 'billing'] as const)("%s's user has no other virtual host", async (role) => {
  const { user, password } = inject('services').rabbitmq[role];
  await expect(connect(user, password, '/')).rejects.toThrow();
});
