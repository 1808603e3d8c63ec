import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ChannelModel, ConfirmChannel, GetMessage, Options } from 'amqplib';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { connectOperator } from '../../../run/servers/rabbitmq/operator.ts';

const PROGRAM = fileURLToPath(new URL('../dead-letters.ts', import.meta.url));
/** As the commands start it. */
const STACK = '--stack-size=7000';
let environment: Record<string, string>;
let queue: string;
let dead: string;
let connection: ChannelModel;
let channel: ConfirmChannel;

/** Queues of its own for each test, bound as the real ones are. */
beforeEach(async () => {
  const { env } = inject('services');
  queue = `orders-${randomUUID()}`;
  dead = `${queue}.dead`;
  environment = { ...env, BILLING_QUEUE: queue, BILLING_DEAD_LETTER_QUEUE: dead };
  ({ connection, channel } = await connectOperator(env));
  await channel.assertQueue(queue, { durable: true });
  await channel.assertQueue(dead, { durable: true });
  await channel.bindQueue(queue, 'billing', queue);
});

afterEach(async () => {
  await channel.deleteQueue(queue);
  await channel.deleteQueue(dead);
  await connection.close();
});

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [STACK, PROGRAM, ...args], { env: { ...process.env, ...environment } });
}

const run = (...args: string[]) => outcome(start(...args));

async function outcome(child: ChildProcess): Promise<{ status: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  child.stdout!.on('data', (text) => {
    out += text;
  });
  child.stderr!.on('data', (text) => {
    err += text;
  });
  const [status] = await once(child, 'close');
  return { status, out, err };
}

async function park(content: string | Buffer, options: Options.Publish = {}): Promise<void> {
  const headers = {
    'x-request-id': 'request-1',
    'x-reason': 'total_amount must be an amount',
    'x-reason-kind': 'not-an-order',
    'x-failed-at': '2026-01-02T03:04:05.678Z',
    'x-attempts': 1,
    'x-original-queue': queue,
  };
  channel.sendToQueue(dead, Buffer.from(content), { persistent: true, headers, contentType: 'application/json', ...options });
  await channel.waitForConfirms();
}

async function parkMany(count: number): Promise<void> {
  for (let number = 0; number < count; number++)
    channel.sendToQueue(dead, Buffer.from('{}'), { messageId: `id-${number}`, persistent: true });
  await channel.waitForConfirms();
}

/** The ids that a list shows. */
const idsOf = (list: string) =>
  list
    .split('\n\n')[0]!
    .split('\n')
    .slice(1)
    .map((line) => line.split(' ')[0]);

/** Everything in a queue, in its order; it stays there. */
async function contents(of: string): Promise<GetMessage[]> {
  const own = await connection.createChannel();
  const messages: GetMessage[] = [];
  for (let message = await own.get(of); message; message = await own.get(of)) messages.push(message);
  await own.close();
  return messages;
}
const idsIn = async (of: string) => (await contents(of)).map(({ properties }) => properties.messageId);

describe('list', () => {
  test('shows id, reason, time and attempts, and leaves the letters and their order as they are', async () => {
    for (const messageId of ['a', 'b', 'c']) await park('{"user_id":0}', { messageId });
    const { status, out } = await run('list');
    expect(status).toBe(0);
    expect(out).toMatch(/^a +2026-01-02T03:04:05.678Z +1 +13 +not-an-order +total_amount must be an amount$/m);
    expect(out).toContain('3 dead letters.');
    await run('list');
    expect(await idsIn(dead)).toEqual(['a', 'b', 'c']);
  });

  test('goes through a thousand', async () => {
    for (let number = 0; number < 1000; number++) channel.sendToQueue(dead, Buffer.from('x'), { messageId: `id-${number}` });
    await channel.waitForConfirms();
    const { out } = await run('list');
    expect(out).toContain('id-0 ');
    expect(out).toContain('id-999 ');
    expect(out).toContain('1000 dead letters.');
  });

  test('tells the true count of ten thousand at once, shows a page, and reaches the last', async () => {
    await parkMany(10_000);
    const first = await run('list', '--limit', '3');
    expect(first.status).toBe(0);
    expect(idsOf(first.out)).toEqual(['id-0', 'id-1', 'id-2']);
    expect(first.out).toContain('Letters 1 to 3. 10000 dead letters.\nThe next ones: add --after 3\n');
    expect(idsOf((await run('list', '--limit', '2', '--after', '9998')).out)).toEqual(['id-9998', 'id-9999']);
    expect((await run('show', 'id-9999')).status).toBe(0);
    for (let look = 0; look < 2; look++) expect(idsOf((await run('list', '--limit', '2')).out)).toEqual(['id-0', 'id-1']);
    expect(await run('drop', 'id-9998')).toMatchObject({ status: 0 });
    expect(idsOf((await run('list', '--after', '9996')).out)).toEqual(['id-9996', 'id-9997', 'id-9999']);
    expect(await run('drop', '--all', '--yes')).toMatchObject({ status: 0, out: 'Dropped 9999 letters.\n' });
    expect((await channel.checkQueue(dead)).messageCount).toBe(0);
  });

  test('chooses by kind and age', async () => {
    const hour = 3_600_000;
    const at = (ago: number, kind: string) => ({
      'x-failed-at': new Date(Date.now() - ago).toISOString(),
      'x-reason-kind': kind,
    });
    await park('1', { messageId: 'old', headers: at(3 * hour, 'not-json') });
    await park('2', { messageId: 'new', headers: at(hour, 'not-json') });
    await park('3', { messageId: 'other', headers: at(3 * hour, 'conflict') });
    await park('4', { messageId: 'ageless', headers: {} });
    expect(idsOf((await run('list', '--kind', 'not-json')).out)).toEqual(['old', 'new']);
    expect(idsOf((await run('list', '--older-than', '2h')).out)).toEqual(['old', 'other']);
    const both = await run('list', '--older-than', '2h', '--kind', 'not-json');
    expect(idsOf(both.out)).toEqual(['old']);
    expect(both.out).toContain('1 dead letter of 4 dead letters chosen.');
    expect(await run('drop', '--older-than', '2h', '--yes')).toMatchObject({ status: 0, out: 'Dropped 2 letters.\n' });
    expect(await run('replay', '--kind', 'not-json')).toMatchObject({ status: 0, out: 'Replayed 1 letter.\n' });
    expect(await idsIn(dead)).toEqual(['ageless']);
    expect(await idsIn(queue)).toEqual(['new']);
  });

  test('waits for another operator who has the letters in hand, and sees them all', async () => {
    for (const messageId of ['a', 'b', 'c']) await park('{}', { messageId });
    const other = await connection.createChannel();
    await other.consume(dead, () => {});
    const child = start('list');
    let out = '';
    child.stdout!.on('data', (text) => {
      out += text;
    });
    const [waiting] = await once(child.stderr!, 'data');
    expect(String(waiting)).toContain('Waiting for another program');
    await other.close();
    await once(child, 'close');
    expect(idsOf(out)).toEqual(['a', 'b', 'c']);
  });

  test('killed half-way leaves every letter in its place', async () => {
    await parkMany(5000);
    const child = start('list', '--kind', 'none');
    await expect
      .poll(async () => (await channel.checkQueue(dead)).messageCount, { interval: 1, timeout: 20_000 })
      .toBeLessThan(5000);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(idsOf((await run('list', '--limit', '5000')).out)).toEqual(
      Array.from({ length: 5000 }, (_, number) => `id-${number}`),
    );
  });

  test('says that there are none', async () => {
    expect(await run('list')).toMatchObject({ status: 0, out: 'There are no dead letters.\n' });
  });
});

describe('show', () => {
  test('shows the headers and the content', async () => {
    await park('{"user_id":"none"}', { messageId: 'a' });
    const { status, out } = await run('show', 'a');
    expect(status).toBe(0);
    expect(out).toContain('x-reason: total_amount must be an amount');
    expect(out).toContain('{"user_id":"none"}');
  });

  test('shows what is no text in base64, and lets no control character out', async () => {
    await park(Buffer.from([0xff, 0xfe]), { messageId: 'a' });
    await park('\u001b[31mred', { messageId: 'b' });
    expect((await run('show', 'a')).out).toContain('//4=');
    expect((await run('show', 'b')).out).toContain('\\u{1b}[31mred');
  });

  test('finds a message without an id by its digest', async () => {
    await park('nameless');
    const id = /^(sha256-\w+)/m.exec((await run('list')).out)![1]!;
    expect((await run('show', id)).out).toContain('nameless');
  });
});

describe('replay', () => {
  test('puts the message back with its id and bytes, without what parked it, and removes the letter', async () => {
    await park('{ "user_id": 1 }', { messageId: 'a' });
    await park('other', { messageId: 'b' });
    expect(await run('replay', 'a')).toMatchObject({ status: 0, out: 'Replayed a.\n' });
    const [message] = await contents(queue);
    expect(message!.content.toString()).toBe('{ "user_id": 1 }');
    expect(message!.properties).toMatchObject({ messageId: 'a', contentType: 'application/json', deliveryMode: 2 });
    const { 'x-delivery-count': _, ...headers } = message!.properties.headers!; // the queue's own
    expect(headers).toEqual({ 'x-request-id': 'request-1' });
    expect(await idsIn(dead)).toEqual(['b']);
  });

  test('--all replays all, in their order', async () => {
    const ids = Array.from({ length: 50 }, (_, number) => `id-${number}`);
    for (const messageId of ids) await park('{}', { messageId });
    expect(await run('replay', '--all')).toMatchObject({ status: 0, out: 'Replayed 50 letters.\n' });
    expect(await idsIn(queue)).toEqual(ids);
    expect(await idsIn(dead)).toEqual([]);
  });

  test('killed half-way it has lost nothing, and goes on when it is run again', async () => {
    const ids = Array.from({ length: 500 }, (_, number) => `id-${number}`);
    for (const messageId of ids) channel.sendToQueue(dead, Buffer.from('{}'), { messageId, persistent: true });
    await channel.waitForConfirms();
    const child = start('replay', '--all');
    await expect
      .poll(async () => (await channel.checkQueue(queue)).messageCount, { interval: 5, timeout: 20_000 })
      .toBeGreaterThan(20);
    child.kill('SIGKILL');
    await once(child, 'close');
    const everywhere = async () => new Set([...(await idsIn(queue)), ...(await idsIn(dead))]).size;
    await expect.poll(everywhere, { interval: 500, timeout: 20_000 }).toBe(ids.length);
    expect((await idsIn(dead)).length).toBeGreaterThan(0);
    await run('replay', '--all');
    expect(new Set(await idsIn(queue))).toEqual(new Set(ids));
  });

  test('without a queue of orders the letter stays', async () => {
    await park('{}', { messageId: 'a' });
    await channel.unbindQueue(queue, 'billing', queue);
    const { status, err } = await run('replay', 'a');
    expect(status).toBe(1);
    expect(err).toContain('stays where it is');
    expect(await idsIn(dead)).toEqual(['a']);
  });
});

describe('drop', () => {
  test('removes the letter, and no other', async () => {
    for (const messageId of ['a', 'b', 'c']) await park('{}', { messageId });
    expect(await run('drop', 'b')).toMatchObject({ status: 0, out: 'Dropped b.\n' });
    expect(await idsIn(dead)).toEqual(['a', 'c']);
  });

  test('drops all only when it was said so', async () => {
    for (const messageId of ['a', 'b']) await park('{}', { messageId });
    expect(await run('drop', '--all')).toEqual({
      status: 1,
      out: '',
      err: 'Nothing was dropped: add --yes where nobody can be asked.\n',
    });
    expect(await idsIn(dead)).toEqual(['a', 'b']);
    expect(await run('drop', '--all', '--yes')).toMatchObject({ status: 0, out: 'Dropped 2 letters.\n' });
    expect(await idsIn(dead)).toEqual([]);
  });

  test('asks which, when two different letters have one id', async () => {
    await park('one', { messageId: 'a' });
    await park('two', { messageId: 'a' });
    const { status, err } = await run('drop', 'a');
    expect(status).toBe(1);
    const choice = /a~\w+/.exec(err)![0];
    expect(await run('drop', choice)).toMatchObject({ status: 0 });
    expect((await contents(dead)).map(({ content }) => content.toString())).toEqual(['two']);
  });
});

describe('a letter whose headers cannot be written again', () => {
  test.each([
    ['a number below all that amqplib writes', { mine: { '!': 'double', value: -1e300 } }],
    ['a time beyond all that amqplib writes', { mine: [{ '!': 'timestamp', value: 2n ** 64n - 1n }] }],
  ])('(%s) is listed, shown, replayed without them, which is said, and dropped', async (_, headers) => {
    for (const messageId of ['a', 'b', 'c']) await park('{}', { messageId, headers });
    await treats(['a', 'b', 'c']);
  });

  test('(lists in lists, thousands of levels deep) is treated so too, and told where the stack is too small', async () => {
    await channel.bindQueue(dead, 'billing', dead);
    const publisher = fileURLToPath(new URL('../../../../billing-app/test/publish-nested.ts', import.meta.url));
    for (let count = 0; count < 3; count++)
      await promisify(execFile)(process.execPath, [STACK, publisher], { env: { ...environment, BILLING_QUEUE: dead } });
    const small = spawn(process.execPath, ['--stack-size=400', PROGRAM, 'list'], { env: { ...process.env, ...environment } });
    expect(await outcome(small)).toEqual({ status: 1, out: '', err: expect.stringMatching(/^A letter has headers .*\n$/) });
    expect(idsOf((await run('list')).out)).toEqual(['nested', 'nested', 'nested']);
    expect((await run('show', 'nested')).out).toMatch(/^nope$/m);
    expect(await run('replay', 'nested')).toMatchObject({ status: 0, err: '' });
    // Not read here: that takes the larger stack too.
    expect([await channel.checkQueue(queue), await channel.checkQueue(dead)]).toMatchObject([
      { messageCount: 1 },
      { messageCount: 0 },
    ]);
  });

  async function treats([replayed, dropped, kept]: string[]) {
    expect(idsOf((await run('list')).out)).toEqual([replayed, dropped, kept]);
    expect(await run('show', replayed!)).toMatchObject({ status: 0, err: '', out: expect.stringMatching(/^mine: /m) });
    const out = `Replayed ${replayed}.\nWithout its headers, which cannot be written: ${replayed}.\n`;
    expect(await run('replay', replayed!)).toEqual({ status: 0, err: '', out });
    expect(await run('drop', dropped!)).toEqual({ status: 0, err: '', out: `Dropped ${dropped}.\n` });
    expect(await idsIn(dead)).toEqual([kept]);
    const [message] = await contents(queue);
    expect(message!.content.toString()).toBe('{}');
    expect(message!.properties).toMatchObject({ messageId: replayed, headers: { 'x-cut': 'headers' } });
  }
});

describe('ends with status 1 and one sentence', () => {
  test.each([
    ['when there is nothing to replay', ['replay', '--all'], 'There are no dead letters: nothing to replay.\n'],
    [
      'when there is no such letter',
      ['drop', 'x'],
      'There is no dead letter x: npm run dead-letters -- list shows those that there are.\n',
    ],
    ['when the command is unknown', ['purge'], expect.stringMatching(/^Usage: /)],
    ['when an id is missing', ['show'], expect.stringMatching(/^Usage: /)],
    ['when an option is unknown', ['list', '--knid', 'x'], expect.stringMatching(/^Unknown option '--knid'.*\nUsage: /s)],
    ['when an age is none', ['list', '--older-than', '2'], expect.stringMatching(/^--older-than takes .* not "2"\.\n$/)],
    ['when an id and a filter are given', ['drop', 'x', '--kind', 'y'], expect.stringMatching(/^Usage: /)],
  ])('%s', async (_, args, sentence) => {
    expect(await run(...args)).toEqual({ status: 1, out: '', err: sentence });
  });

  test.each([
    ['when the broker is away', { RABBITMQ_PORT: '1' }, /^RabbitMQ cannot be used at 127\.0\.0\.1:1 .*\n$/],
    ['when the password is wrong', { RABBITMQ_ADMIN_PASSWORD: 'wrong' }, /^RabbitMQ at .* refuses .*\n$/],
    ['when there is no queue', { BILLING_DEAD_LETTER_QUEUE: 'none' }, /^There is no queue none: .*\n$/],
    ['when a variable is missing', { BILLING_QUEUE: '' }, /^Missing in \.env: BILLING_QUEUE\.\n$/],
  ])('%s', async (_, change, sentence) => {
    Object.assign(environment, change);
    expect(await run('list')).toEqual({ status: 1, out: '', err: expect.stringMatching(sentence) });
  });
});
