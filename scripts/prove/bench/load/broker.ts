import { withOperator } from '../../../run/servers/rabbitmq/operator.ts';
import type { Environment } from '../../../run/stack/environment.ts';

/** Orders under way to the broker at a time, while a backlog is made. */
const WINDOW = 2000;

export const purge = (environment: Environment) =>
  withOperator(environment, async (channel) => {
    await channel.purgeQueue(environment.BILLING_QUEUE!);
    await channel.purgeQueue(environment.BILLING_DEAD_LETTER_QUEUE!);
  });

/** Puts that many messages into the queue of orders, and waits until the broker has them all. */
export const publishOrders = (environment: Environment, count: number, content: (n: number) => string) =>
  withOperator(environment, async (channel) => {
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
