import { type ConfirmChannel, connect } from 'amqplib';
import type { Environment } from '../../run/local/environment.ts';
import { waitFor } from '../../run/servers/process.ts';

/** Orders under way to the broker at a time, while a backlog is made. */
const WINDOW = 2000;

export async function withBroker<T>(environment: Environment, work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const connection = await connect({
    hostname: environment.RABBITMQ_HOST,
    port: Number(environment.RABBITMQ_PORT),
    vhost: environment.RABBITMQ_VHOST,
    username: environment.RABBITMQ_ADMIN_USER,
    password: environment.RABBITMQ_ADMIN_PASSWORD,
  });
  connection.on('error', () => {}); // reported by what is under way
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    return await work(channel);
  } finally {
    await connection.close();
  }
}

export const purge = (environment: Environment) =>
  withBroker(environment, async (channel) => {
    await channel.purgeQueue(environment.BILLING_QUEUE!);
    await channel.purgeQueue(environment.BILLING_DEAD_LETTER_QUEUE!);
  });

export const untilConsumed = (environment: Environment) =>
  withBroker(environment, (channel) =>
    waitFor(30_000, async () => (await channel.checkQueue(environment.BILLING_QUEUE!)).consumerCount > 0),
  );

/** Puts that many messages into the queue of orders, and waits until the broker has them all. */
export const publishOrders = (environment: Environment, count: number, content: (n: number) => string) =>
  withBroker(environment, async (channel) => {
    for (let n = 0; n < count; n++) {
      channel.sendToQueue(environment.BILLING_QUEUE!, Buffer.from(content(n)), {
        persistent: true,
        contentType: 'application/json',
        messageId: `bench-${process.pid}-${Date.now()}-${n}`,
      });
      if (n % WINDOW === WINDOW - 1) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();
  });

export const ORDER = { user_id: 3, number_of_items: 5, total_amount: '180.50' };
