// Consumes raw and inserts 500 orders by one statement, without a look at what they are: nothing in this stack is quicker.
import amqp from 'amqplib';
import pg from 'pg';
import { brokerUrl, queue } from './broker.js';
import { connectionTo } from './database.js';

const BATCH = 500;
const client = new pg.Client(connectionTo('ORDERS_DB'));
await client.connect();
const channel = await (await amqp.connect(brokerUrl)).createChannel();
await channel.prefetch(2 * BATCH);

const waiting = [];
let storing = false;
await channel.consume(queue, (message) => {
  waiting.push(message);
  if (!storing) store();
});

async function store() {
  storing = true;
  while (waiting.length > 0) {
    const batch = waiting.splice(0, BATCH);
    const orders = batch.map(({ content }) => JSON.parse(content.toString()));
    await client.query({
      name: 'insert',
      text: 'INSERT INTO orders (user_id, number_of_items, total_amount) SELECT * FROM unnest($1::int[], $2::int[], $3::numeric[])',
      values: [
        orders.map(({ user_id }) => user_id),
        orders.map(({ number_of_items }) => number_of_items),
        orders.map(({ total_amount }) => total_amount),
      ],
    });
    channel.ack(batch.at(-1), true);
  }
  storing = false;
}
