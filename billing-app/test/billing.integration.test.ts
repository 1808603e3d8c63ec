import { execFile, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFixture, type Fixture, orderOf, upTo } from './fixture.ts';

/** The arguments for Node that PM2 gives to billing. */
const { node_args: nodeArguments } = createRequire(import.meta.url)('../ecosystem.config.cjs').apps[0];

let billing: Fixture;
beforeAll(async () => {
  billing = await createFixture();
});
beforeEach(() => billing.reset());
afterEach(() => billing.stopAll());
afterAll(() => billing.close());

const eventually = (check: () => Promise<void>, timeout = 15_000) => vi.waitFor(check, { timeout, interval: 50 });
const stored = (users: number[], timeout?: number) =>
  eventually(async () => expect(await billing.userIds()).toEqual(users), timeout);
/** Starts billing, and counts connections from the moment that it consumes. */
const startConsuming = async () => {
  await billing.start();
  await eventually(async () => expect((await billing.channel.checkQueue(billing.queue)).consumerCount).toBe(1));
  billing.brokerRelay.attempts();
};
const queueEmpty = async () => {
  await billing.stopAll(); // unacknowledged messages return to the queue and are counted
  expect(await billing.ready(billing.queue)).toBe(0);
};

describe('an order', () => {
  it('like the example message of the documentation is stored', async () => {
    const example = JSON.parse(readFileSync(new URL('../../docs/example-order-message.json', import.meta.url), 'utf8'));
    const { content_type, message_id, headers } = example.properties;
    await billing.publish(example.content, { contentType: content_type, messageId: message_id, headers });
    await billing.start();
    await eventually(async () => {
      const { rows } = await billing.sql('SELECT * FROM orders');
      expect(rows).toEqual([{ id: 1, user_id: 3, number_of_items: 5, total_amount: '180.00' }]);
    });
    await queueEmpty();
  });

  it('published by hand, without content type and id, is stored', async () => {
    await billing.start();
    await billing.publish(orderOf(1));
    await stored([1]);
    await queueEmpty();
  });

  it('that waited while billing was stopped is stored at its start', async () => {
    await billing.publishOrders(2000);
    await billing.start();
    await stored(upTo(2000));
    await queueEmpty();
  });

  it('delivered twice is stored once, in one batch, in two, and in two lives of billing', async () => {
    await billing.publish(orderOf(1), { messageId: 'same' });
    await billing.publish(orderOf(1), { messageId: 'same' });
    await billing.start();
    await stored([1]);
    await billing.publish(orderOf(1), { messageId: 'same' });
    await billing.stopAll();
    await billing.publish(orderOf(1), { messageId: 'same' });
    await billing.start();
    await billing.publish(orderOf(2), { messageId: 'after' });
    await stored([1, 2]);
    await queueEmpty();
    expect(await billing.deadLetters()).toEqual([]);
  });

  it('under the message id of another is parked, and says so', async () => {
    await billing.publish(orderOf(1), { messageId: 'same' });
    await billing.start();
    await stored([1]);
    await billing.publish(orderOf(2), { messageId: 'same' });
    await eventually(async () => {
      const [letter] = await billing.deadLetters();
      expect(letter?.properties.headers).toMatchObject({ 'x-reason-kind': 'conflict' });
      expect(letter?.content.toString()).toBe(orderOf(2));
    });
    expect(await billing.userIds()).toEqual([1]);
  });

  it('is stored once by two instances that share the queue', async () => {
    await billing.publishOrders(3000);
    await Promise.all([billing.start(), billing.start()]);
    await stored(upTo(3000));
    await queueEmpty();
  });

  it('is neither lost nor doubled when billing stops in mid-drain, within ten seconds', async () => {
    await billing.publishOrders(5000);
    for (let life = 0; life < 4; life++) {
      const instance = await billing.start({ BILLING_PREFETCH: '100' });
      await sleep(200 + life * 50);
      const started = Date.now();
      await instance.close();
      expect(Date.now() - started).toBeLessThan(10_000);
    }
    await billing.start();
    await stored(upTo(5000));
    await queueEmpty();
  });
});

describe('what can never be an order', () => {
  it('is parked with its properties, its reason, time and attempts, and holds up no neighbour', async () => {
    const poison: [string, Buffer, object][] = [
      ['empty', Buffer.alloc(0), {}],
      ['not-json', Buffer.from('nope'), { contentType: 'application/json' }],
      ['not-utf8', Buffer.from([0xff]), {}],
      ['not-an-order', Buffer.from('{"user_id":0}'), { expiration: '3600000', headers: { 'x-request-id': 'r', mine: 1 } }],
      ['not-json', Buffer.from('['.repeat(200_000)), {}],
      ['too-large', Buffer.alloc(16_000_000, 'x'), {}],
      ['bad-message-id', Buffer.from(orderOf(9)), { messageId: 'a\0b' }],
    ];
    for (const [index, [, content, properties]] of poison.entries()) {
      await billing.publish(orderOf(index + 1), { messageId: `good-${index}` });
      await billing.publish(content, { messageId: `bad-${index}`, ...properties });
    }
    await billing.start();
    await stored(upTo(poison.length));
    const letters: Awaited<ReturnType<Fixture['deadLetters']>> = [];
    await eventually(async () => {
      letters.push(...(await billing.deadLetters()));
      expect(letters.length).toBe(poison.length);
    });
    for (const [kind, content] of poison) {
      expect(
        letters.some((letter) => letter.properties.headers?.['x-reason-kind'] === kind && letter.content.equals(content)),
      ).toBe(true);
    }
    const letter = letters.find(({ properties }) => properties.messageId === 'bad-3')!;
    expect(letter.properties).toMatchObject({ deliveryMode: 2, expiration: undefined });
    expect(letter.properties.headers).toMatchObject({
      'x-request-id': 'r',
      mine: 1,
      'x-reason': expect.stringContaining('user_id'),
      'x-failed-at': expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      'x-attempts': 1,
      'x-original-queue': billing.queue,
      'x-original-expiration': '3600000',
    });
    await queueEmpty();
  });

  it('by Rascal, which reads headers of its own, is an order like any other here', async () => {
    await billing.publish(orderOf(1), { headers: { 'x-death': 'no list' } });
    await billing.publish(orderOf(2), { headers: { rascal: { encryption: { name: 'none' } } } });
    await billing.start();
    await stored([1, 2]);
  });

  it('stays in the queue while there is no dead-letter queue, which billing then makes', async () => {
    await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    await billing.channel.deleteQueue(billing.deadLetterQueue);
    await billing.publish('nope');
    await eventually(async () => expect(await billing.ready(billing.deadLetterQueue)).toBe(1));
    await queueEmpty();
  });

  it('in any order, large or not, costs its neighbours no second delivery and no session', async () => {
    await billing.publish(Buffer.alloc(16_000_000, 'x'));
    await startConsuming();
    let user = 0;
    const publishOrders = async (count: number) => {
      for (const last = user + count; user < last; ) {
        user++;
        billing.channel.publish('billing', billing.queue, Buffer.from(orderOf(user)), { messageId: `order-${user}` });
      }
      await billing.channel.waitForConfirms();
    };
    await publishOrders(100);
    for (const poison of ['nope', Buffer.alloc(2_000_000, 'x'), '{}', Buffer.alloc(100_000, 'x')]) {
      await billing.publish(poison);
      await publishOrders(60);
    }
    await stored(upTo(user), 60_000);
    await eventually(async () => expect(await billing.ready(billing.deadLetterQueue)).toBe(5), 60_000);
    expect(billing.deliveries.filter(({ redelivered }) => redelivered)).toEqual([]);
    expect(billing.brokerRelay.attempts()).toBe(0);
    await queueEmpty();
  }, 150_000);

  it('in a flood of large messages is parked without all of them in memory, and without their neighbours delivered twice', async () => {
    for (let index = 0; index < 8; index++) {
      await billing.publish(orderOf(index + 1), { messageId: `before-${index}` });
      await billing.publish(Buffer.alloc(16_000_000, 'x'));
    }
    await startConsuming();
    await stored(upTo(8), 60_000);
    await eventually(async () => expect(await billing.ready(billing.deadLetterQueue)).toBe(8), 60_000);
    const again = billing.deliveries.filter(({ redelivered }) => redelivered);
    expect(again.every(({ bytes }) => bytes === 16_000_000)).toBe(true);
    expect(again.length).toBeLessThan(8);
    expect(billing.brokerRelay.attempts()).toBe(0);
    await queueEmpty();
  }, 150_000);

  it('and whose headers cannot be copied is parked with them cut, and holds up no neighbour', async () => {
    const odd: [string, object][] = [
      ['long', { mine: 'x'.repeat(65_450) }],
      ['far-below', { mine: { '!': 'double', value: -1e300 } }],
      ['late', { mine: [{ '!': 'timestamp', value: 2n ** 64n - 1n }] }],
    ];
    await startConsuming();
    for (const [index, [messageId, headers]] of odd.entries()) {
      await billing.publish('nope', { messageId, type: 'mine', headers });
      await billing.publish(orderOf(index + 1), { messageId: `neighbour-${index}` });
    }
    await stored(upTo(odd.length));
    await eventually(async () => expect(await billing.ready(billing.deadLetterQueue)).toBe(odd.length), 5000);
    expect(billing.deliveries.filter(({ redelivered }) => redelivered)).toEqual([]);
    expect(billing.brokerRelay.attempts()).toBe(0);
    await queueEmpty();
    for (const { content, properties } of await billing.deadLetters()) {
      expect(content.toString()).toBe('nope');
      expect(odd.map(([messageId]) => messageId)).toContain(properties.messageId);
      expect(properties.type).toBe('mine');
      expect(properties.headers).toMatchObject({ 'x-reason-kind': 'not-json', 'x-cut': 'headers' });
      expect(properties.headers).not.toHaveProperty('mine');
    }
  });

  it('and whose headers are nested thousands of levels deep is parked with them cut', async () => {
    const publisher = fileURLToPath(new URL('./publish-nested.ts', import.meta.url));
    await promisify(execFile)(process.execPath, [...nodeArguments, publisher], { env: billing.env });
    await billing.publish(orderOf(1), { messageId: 'neighbour' });
    const asPm2StartsIt = fork(new URL('./billing-process.ts', import.meta.url), { env: billing.env, execArgv: nodeArguments });
    try {
      await stored([1]);
      await eventually(async () => expect(await billing.ready(billing.deadLetterQueue)).toBe(1));
      expect(billing.deliveries.filter(({ redelivered }) => redelivered)).toEqual([]);
    } finally {
      asPm2StartsIt.kill('SIGTERM');
    }
    const [letter] = await billing.deadLetters();
    expect(letter!.properties.headers).toMatchObject({ 'x-reason-kind': 'not-json', 'x-cut': 'headers' });
  });

  it('is not a message that was only near when billing was killed again and again', async () => {
    await billing.publishOrders(500);
    for (let life = 0; life < 6; life++) {
      const killed = fork(new URL('./billing-process.ts', import.meta.url), {
        env: { ...billing.env, ORDERS_DB_PORT: '1' }, // it never gets further than having them in hand
        stdio: 'inherit',
      });
      await eventually(async () =>
        expect(await billing.channel.checkQueue(billing.queue)).toMatchObject({ messageCount: 0, consumerCount: 1 }),
      );
      killed.kill('SIGKILL');
      await eventually(async () =>
        expect(await billing.channel.checkQueue(billing.queue)).toMatchObject({ messageCount: 500, consumerCount: 0 }),
      );
    }
    await billing.start();
    await stored(upTo(500));
    await queueEmpty();
    expect(await billing.deadLetters()).toEqual([]);
  });
});

describe('while the database', () => {
  const trouble: [string, (on: boolean) => Promise<void> | void][] = [
    ['refuses connections', (on) => (on ? billing.databaseRelay.begin('cut') : billing.databaseRelay.heal())],
    ['is frozen', (on) => (on ? billing.databaseRelay.begin('black-hole') : billing.databaseRelay.heal())],
    [
      'is read-only',
      (on) => billing.reconfigure(`ALTER DATABASE ${billing.database} SET default_transaction_read_only = ${on ? 'on' : 'off'}`),
    ],
    ['is out of connections', (on) => billing.reconfigure(`ALTER DATABASE ${billing.database} CONNECTION LIMIT ${on ? 0 : -1}`)],
    [
      'has no tables yet',
      (on) => billing.sql(on ? 'ALTER TABLE orders RENAME TO later' : 'ALTER TABLE later RENAME TO orders').then(() => {}),
    ],
  ];

  it.each(trouble)('%s, orders wait, nothing is parked or spins, and the backlog drains afterwards', async (_, set) => {
    await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    await set(true);
    billing.databaseRelay.attempts();
    await billing.publish('nope');
    for (let user = 2; user <= 20; user++) await billing.publish(orderOf(user), { messageId: `late-${user}` });
    await sleep(4000);
    expect(await billing.userIds().catch(() => [1])).toEqual([1]);
    expect(billing.databaseRelay.attempts()).toBeLessThan(12);
    await set(false);
    await stored(upTo(20), 10_000);
    await queueEmpty();
    const letters = await billing.deadLetters();
    expect(letters.map(({ content }) => content.toString())).toEqual(['nope']);
  });

  it.each(trouble.slice(0, 2))('%s, a stop ends within ten seconds and loses nothing', async (_, set) => {
    const instance = await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    await set(true);
    await billing.publish(orderOf(2), { messageId: 'late' });
    await sleep(500);
    const started = Date.now();
    await instance.close();
    expect(Date.now() - started).toBeLessThan(10_000);
    await set(false);
    await billing.start();
    await stored([1, 2]);
  });
});

describe('the broker', () => {
  it('whose queue was deleted has it again, bound, within seconds', async () => {
    await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    await billing.channel.deleteQueue(billing.queue);
    await eventually(async () => {
      await billing.publish(orderOf(2), { messageId: 'second' });
      expect(await billing.userIds()).toEqual([1, 2]);
    }, 5000);
  });

  it('that comes after billing is found within three seconds', async () => {
    billing.brokerRelay.begin('cut');
    await billing.start();
    await billing.publishOrders(1);
    await sleep(1500);
    billing.brokerRelay.heal();
    await stored([1], 3000);
  });

  it('that breaks the connection again and again in mid-drain loses and doubles nothing', async () => {
    await billing.publishOrders(3000);
    await billing.start({ BILLING_PREFETCH: '100' });
    for (let cuts = 0; cuts < 5; cuts++) {
      await sleep(300);
      billing.brokerRelay.begin('cut');
      await sleep(100);
      billing.brokerRelay.heal();
    }
    await stored(upTo(3000), 30_000);
    await queueEmpty();
    expect(await billing.deadLetters()).toEqual([]);
  });

  it('that freezes is noticed, and found again, without a restart', async () => {
    await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    billing.brokerRelay.begin('black-hole');
    await billing.publish(orderOf(2), { messageId: 'frozen' });
    await sleep(9000); // heartbeats are missed and the attempts to connect again time out
    billing.brokerRelay.heal();
    await stored([1, 2], 5000);
  });

  it('that is frozen does not hold up a stop', async () => {
    const instance = await billing.start();
    await billing.publishOrders(1);
    await stored([1]);
    billing.brokerRelay.begin('black-hole');
    const started = Date.now();
    await instance.close();
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

describe('message ids', () => {
  it('are forgotten after their days, the orders are not', async () => {
    await billing.publishOrders(1500);
    await billing.start();
    await stored(upTo(1500));
    await billing.stopAll();
    await billing.sql(
      `UPDATE handled_messages SET handled_at = now() - interval '31 days' WHERE message_id IN (SELECT message_id FROM handled_messages LIMIT 1200)`,
    );
    await billing.start({ MESSAGE_ID_RETENTION_DAYS: '30' });
    await eventually(async () => expect((await billing.sql('SELECT 1 FROM handled_messages')).rowCount).toBe(300));
    expect(await billing.userIds()).toHaveLength(1500);
  });
});
