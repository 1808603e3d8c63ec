// Koa and one confirm channel for all orders, written by hand.
import amqp from 'amqplib/callback_api';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { brokerUrl, queue } from './broker.js';

const connection = await new Promise((resolve, reject) =>
  amqp.connect(brokerUrl, (error, opened) => (error ? reject(error) : resolve(opened))),
);
const channel = await new Promise((resolve, reject) =>
  connection.createConfirmChannel((error, opened) => (error ? reject(error) : resolve(opened))),
);

const app = new Koa();
app.use(bodyParser());
app.use(async (ctx) => {
  const content = Buffer.from(JSON.stringify(ctx.request.body));
  await new Promise((resolve, reject) =>
    channel.sendToQueue(queue, content, { persistent: true }, (error) => (error ? reject(error) : resolve())),
  );
  ctx.body = { message: 'Message posted' };
});
app.listen(Number(process.env.PORT), '127.0.0.1');
