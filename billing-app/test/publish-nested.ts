// Publishes one message whose headers are nested as deep as fits into a frame. A process of its own: amqplib's encoder calls itself
// for each level.
import { connectOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';

const { connection, channel } = await connectOperator(process.env);
// amqplib's buffer for headers has 64 KB, and a level of a list takes five bytes.
let nested: unknown[] = [];
for (let level = 1; level < 12_800; level++) nested = [nested];
channel.publish('billing', process.env.BILLING_QUEUE!, Buffer.from('nope'), {
  persistent: true,
  messageId: 'nested',
  headers: { nested },
});
await channel.waitForConfirms();
await connection.close();
