// An order through Rascal as its documentation has it: the default pool of confirm channels.
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import rascal from 'rascal';
import { brokerUrl, queue } from './broker.js';

const broker = await rascal.BrokerAsPromised.create(
  rascal.withDefaultConfig({
    vhosts: { '/': { connection: brokerUrl, queues: { [queue]: { assert: false, check: true } } } },
    publications: { order: { queue, vhost: '/', confirm: true } },
  }),
);
broker.on('error', console.error);

const app = new Koa();
app.use(bodyParser());
app.use(async (ctx) => {
  const publication = await broker.publish('order', ctx.request.body);
  await new Promise((resolve, reject) => publication.once('success', resolve).once('error', reject));
  ctx.body = { message: 'Message posted' };
});
app.listen(Number(process.env.PORT), '127.0.0.1');
