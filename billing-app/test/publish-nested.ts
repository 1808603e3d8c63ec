// Publishes one message whose headers are nested as deep as fits into a frame. A process of its own: amqplib's encoder calls itself
// for each level.
import amqp from 'amqplib';

const { env } = process;
const connection = await amqp.connect({
  hostname: env.RABBITMQ_HOST!,
  port: Number(env.RABBITMQ_PORT),
  vhost: env.RABBITMQ_VHOST!,
  username: env.RABBITMQ_ADMIN_USER!,
  password: env.RABBITMQ_ADMIN_PASSWORD!,
});
const channel = await connection.createConfirmChannel();
// amqplib's buffer for headers has 64 KB, and a level of a list takes five bytes.
let nested: unknown[] = [];
for (let level = 1; level < 12_800; level++) nested = [nested];
channel.publish('billing', env.BILLING_QUEUE!, Buffer.from('nope'), {
  persistent: true,
  messageId: 'nested',
  headers: { nested },
});
await channel.waitForConfirms();
await connection.close();
