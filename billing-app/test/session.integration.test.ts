import type { ConsumeMessage } from 'amqplib';
import { expect, test } from 'vitest';
import { createTestVhost } from '../../scripts/prove/tests/services.ts';
import { connectOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { loadConfig } from '../app/config.ts';
import { openSession } from '../app/session.ts';

test('a session that is forced to end answers plainly, and its message goes back to the queue', async () => {
  const { env } = await createTestVhost();
  const queue = env.BILLING_QUEUE!;
  const relay = await Relay.listen(() => Number(env.RABBITMQ_PORT));
  const { connection: operator, channel } = await connectOperator(env);
  channel.publish('billing', queue, Buffer.from('{}'));
  await channel.waitForConfirms();

  const delivered = Promise.withResolvers<ConsumeMessage>();
  const { broker } = loadConfig({ ...env, RABBITMQ_HOST: '127.0.0.1', RABBITMQ_PORT: String(relay.port) });
  const session = await openSession(broker, 10, delivered.resolve);
  const message = await delivered.promise;
  relay.begin('black-hole');
  const closed = session.close();
  session.ack(message); // the channel is closing: amqplib would throw
  await session.cancel();
  await expect(session.publishDeadLetter(Buffer.from('x'), {})).rejects.toThrow('closed');
  await closed;
  session.ack(message);
  expect(session.lost.aborted).toBe(true);

  await relay.close();
  await expect.poll(async () => (await channel.checkQueue(queue)).messageCount, { timeout: 20_000 }).toBe(1);
  await operator.close();
});
