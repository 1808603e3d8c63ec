// A consumer as most implementations have it: a transaction for each message, then its acknowledgement.
import amqp from 'amqplib';
import pg from 'pg';
import { brokerUrl, queue } from './broker.js';
import { connectionTo } from './database.js';

const pool = new pg.Pool({ ...connectionTo('ORDERS_DB'), max: 10 });
const channel = await (await amqp.connect(brokerUrl)).createChannel();
await channel.prefetch(100);
await channel.consume(queue, async (message) => {
  const { user_id, number_of_items, total_amount } = JSON.parse(message.content.toString());
  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query({
    name: 'insert',
    text: 'INSERT INTO orders (user_id, number_of_items, total_amount) VALUES ($1, $2, $3)',
    values: [user_id, number_of_items, total_amount],
  });
  await client.query('COMMIT');
  client.release();
  channel.ack(message);
});
