import { once } from 'node:events';
import { createLog } from '@crud-master/plumbing/log';
import type { Channel, ChannelModel } from 'amqplib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestVhost } from '../../scripts/prove/tests/services.ts';
import { connectOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { BrokerLinks } from '../app/broker-links.ts';
import { loadConfig } from '../app/config.ts';
import { Publisher } from '../app/publisher.ts';
import { startGateway, type TestGateway } from './harness/gateway.ts';

let operator: ChannelModel;
let channel: Channel;
let queue: string;
let publisher: Publisher;
let gateway: TestGateway;

beforeAll(async () => {
  const { env } = await createTestVhost();
  queue = env.BILLING_QUEUE!;
  ({ connection: operator, channel } = await connectOperator(env));
  const { broker } = loadConfig({ ...env, PUBLISH_TIMEOUT: '1500' });
  const log = createLog('api-gateway', 'silent');
  const links = new BrokerLinks(broker, log);
  publisher = new Publisher(links, broker, log);
  const opened = once(links, 'open');
  links.open();
  await opened;
  gateway = await startGateway(1, {}, publisher.publish);
});
afterAll(async () => {
  await gateway?.close();
  await publisher?.close();
  await operator?.close();
});
beforeEach(bindQueue);

async function bindQueue() {
  await channel.assertExchange('billing', 'direct', { durable: true });
  await channel.assertQueue(queue, { durable: true });
  await channel.bindQueue(queue, 'billing', queue);
}

async function post(order: object, headers: Record<string, string> = {}, path = '/api/billing') {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ user_id: 1, number_of_items: 1, total_amount: 1, ...order }),
  });
  const body = (await response.json()) as { type?: string };
  return body.type ? body.type.split(':').at(-1) : response.status;
}

/** Until the gateway has a channel again. */
const taken = (order: object, headers: Record<string, string>) =>
  expect.poll(() => post(order, headers), { timeout: 5000, interval: 50 }).toBe(200);

describe('An Idempotency-Key', () => {
  test('is free for a corrected order when the first one was refused', async () => {
    const headers = { 'Idempotency-Key': 'refused' };
    await channel.deleteQueue(queue);
    expect(await post({ user_id: 1 }, headers)).toBe('queue-missing');
    await bindQueue();
    expect(await post({ user_id: 2 }, headers)).toBe(200);
    expect(await post({ user_id: 1 }, headers)).toBe('idempotency-key-reused');
  });

  test('stays with the order that may have been taken', async () => {
    const headers = { 'Idempotency-Key': 'unknown' };
    await channel.deleteExchange('billing'); // the broker closes the channel while the order is under way
    expect(await post({ user_id: 1 }, headers)).toBe('outcome-unknown');
    expect(await post({ user_id: 2 }, headers)).toBe('idempotency-key-reused');
    expect(await post({ user_id: 1 }, headers)).toBe('queue-missing');
    expect(await post({ user_id: 2 }, headers)).toBe('idempotency-key-reused');
    await bindQueue();
    await taken({ user_id: 1 }, headers);
  });

  test('is held while its order is under way', async () => {
    const headers = { 'Idempotency-Key': 'under-way' };
    await taken({ user_id: 1 }, { 'Idempotency-Key': 'other' });
    const outcomes = await Promise.all([post({ user_id: 1 }, headers), post({ user_id: 2 }, headers)]);
    expect(outcomes.map(String).sort()).toEqual(['200', 'idempotency-key-reused']);
  });
});

test.each(['/API/BILLING', '/api/Billing', '/Api/billing/', '/API/movies', '/api/MOVIES/1'])(
  '%s is no path of the gateway',
  async (path) => {
    expect(await post({}, {}, path)).toBe('blank');
    const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { method: 'PATCH' });
    expect(response.status).toBe(404);
  },
);
