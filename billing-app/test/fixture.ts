import { randomUUID } from 'node:crypto';
import { createLog } from '@crud-master/plumbing/log';
import type { GetMessage, Options } from 'amqplib';
import pg from 'pg';
import { inject } from 'vitest';
import { createTestDatabase } from '../../scripts/prove/tests/services.ts';
import { connectOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { startBilling } from '../app/app.ts';
import { loadConfig } from '../app/config.ts';

/** Everything a test of billing needs: a database of its own, the queue, and relays to both that can be cut. */
export async function createFixture() {
  const { postgres } = inject('services');
  const { name, env } = await createTestDatabase('ORDERS_DB');
  const superuser = { host: postgres.host, port: postgres.port, user: postgres.superuser, password: postgres.password };
  const server = new pg.Client({ ...superuser, database: 'postgres' });
  await server.connect();
  const database = new pg.Client({ ...superuser, database: name });
  await database.connect();

  const databaseRelay = await Relay.listen(() => postgres.port);

  const { connection: broker, channel } = await connectOperator(env);
  const deliveries: Delivery[] = [];
  const brokerPort = Number(env.RABBITMQ_PORT);
  const brokerRelay = await Relay.listen(
    () => brokerPort,
    () => watchDeliveries((delivery) => deliveries.push(delivery)),
  );
  Object.assign(env, {
    ORDERS_DB_HOST: '127.0.0.1',
    ORDERS_DB_PORT: String(databaseRelay.port),
    RABBITMQ_HOST: '127.0.0.1',
    RABBITMQ_PORT: String(brokerRelay.port),
  });
  const queue = env.BILLING_QUEUE!;
  const deadLetterQueue = env.BILLING_DEAD_LETTER_QUEUE!;
  const running: { close(): Promise<void> }[] = [];

  return {
    env,
    queue,
    deadLetterQueue,
    databaseRelay,
    brokerRelay,
    /** What the broker delivered to billing since the test began. */
    deliveries,
    channel,

    async start(overrides: Record<string, string> = {}) {
      const config = loadConfig({ ...env, ...overrides });
      const billing = startBilling(config, createLog('billing_app', 'silent'));
      running.push(billing);
      return billing;
    },
    async stopAll() {
      await Promise.all(running.splice(0).map((billing) => billing.close()));
    },
    async publish(content: string | Buffer, options: Options.Publish = {}) {
      channel.publish('billing', queue, Buffer.from(content), { persistent: true, ...options });
      await channel.waitForConfirms();
    },
    /** Valid orders with user ids from 1 to `count`, each with a message id. */
    async publishOrders(count: number) {
      for (let user = 1; user <= count; user++) {
        channel.publish('billing', queue, Buffer.from(orderOf(user)), { persistent: true, messageId: randomUUID() });
      }
      await channel.waitForConfirms();
    },
    async userIds(): Promise<number[]> {
      const { rows } = await database.query<{ user_id: number }>('SELECT user_id FROM orders ORDER BY user_id');
      return rows.map(({ user_id }) => user_id);
    },
    /** Takes what is in the dead letters out of them. */
    async deadLetters(): Promise<GetMessage[]> {
      const letters: GetMessage[] = [];
      for (;;) {
        const letter = await channel.get(deadLetterQueue, { noAck: true });
        if (!letter) return letters;
        letters.push(letter);
      }
    },
    /** Messages ready in a queue, or undefined where there is no such queue. */
    async ready(name: string): Promise<number | undefined> {
      const probe = await broker.createChannel(); // the broker closes the channel of who asks for a queue that is not there
      probe.on('error', () => {});
      try {
        const { messageCount } = await probe.checkQueue(name);
        await probe.close();
        return messageCount;
      } catch {
        return undefined;
      }
    },
    sql: (text: string) => database.query(text),
    /** Runs a statement as superuser outside the orders database, then ends billing's connections so that it takes effect. */
    async reconfigure(text: string) {
      await server.query(text);
      await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billing_app'`);
    },
    /** As an SQL identifier. */
    database: pg.escapeIdentifier(name),
    async reset() {
      await Promise.all(running.splice(0).map((billing) => billing.close()));
      databaseRelay.heal();
      brokerRelay.heal();
      deliveries.length = 0;
      await channel.assertQueue(queue);
      await channel.assertQueue(deadLetterQueue);
      await channel.purgeQueue(queue);
      await channel.purgeQueue(deadLetterQueue);
      await database.query('TRUNCATE orders, handled_messages RESTART IDENTITY');
    },
    async close() {
      await broker.close();
      await database.end();
      await Promise.all([databaseRelay.close(), brokerRelay.close()]);
      await server.query(`DROP DATABASE ${pg.escapeIdentifier(name)} WITH (FORCE)`);
      await server.end();
    },
  };
}

export type Fixture = Awaited<ReturnType<typeof createFixture>>;

export const orderOf = (user: number) => JSON.stringify({ user_id: String(user), number_of_items: '5', total_amount: '180.50' });

export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

interface Delivery {
  redelivered: boolean;
  /** Of the content. */
  bytes: number;
}

/** Reads from what a broker sends on one connection which messages it delivers (AMQP 0-9-1, sections 2.3.5 and 1.8.3.13). */
function watchDeliveries(report: (delivery: Delivery) => void) {
  let rest = Buffer.alloc(0);
  let redelivered: boolean | undefined;
  return (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 7 && rest.length >= rest.readUInt32BE(3) + 8) {
      const end = rest.readUInt32BE(3) + 7;
      const [type, payload] = [rest[0], rest.subarray(7, end)];
      if (type === 1 && payload.readUInt32BE(0) === ((60 << 16) | 60)) redelivered = payload[payload[4]! + 13] === 1;
      if (type === 2 && redelivered !== undefined) {
        report({ redelivered, bytes: Number(payload.readBigUInt64BE(4)) });
        redelivered = undefined;
      }
      rest = rest.subarray(end + 1);
    }
  };
}
