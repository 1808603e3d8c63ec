// An order as most implementations send it: connect, declare, send, close. With a confirm channel, so that it is confirmed at all.
import amqp from 'amqplib';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { brokerUrl, queue } from './broker.js';

const app = new Koa();
app.use(bodyParser());
app.use(async (ctx) => {
  const connection = await amqp.connect(brokerUrl);
  try {
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(ctx.request.body)), { persistent: true });
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
  ctx.body = { message: 'Message posted' };
});
app.listen(Number(process.env.PORT), '127.0.0.1');
