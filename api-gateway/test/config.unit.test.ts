import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { expect, test } from 'vitest';
import { loadConfig } from '../app/config.ts';

const env = parse(readFileSync(new URL('../../.env', import.meta.url)));

test('the committed .env is complete', () => {
  expect(loadConfig(env)).toMatchObject({
    listen: { port: Number(env.API_GATEWAY_PORT) },
    broker: { queue: env.BILLING_QUEUE, password: env.RABBITMQ_GATEWAY_PASSWORD },
    rateLimit: { requests: 0 },
  });
});

test('everything that is missing or wrong is named together, no password shown', () => {
  const broken = { ...env, API_GATEWAY_PORT: '70000', INVENTORY_TIMEOUT: 'soon', RABBITMQ_HOST: undefined };
  expect(() => loadConfig(broken)).toThrow(/API_GATEWAY_PORT.*INVENTORY_TIMEOUT.*RABBITMQ_HOST is missing/s);
});

test('an IPv6 inventory has brackets in its origin', () => {
  expect(loadConfig({ ...env, INVENTORY_HOST: '::1', INVENTORY_PORT: '8080' }).inventory.origin).toBe('http://[::1]:8080');
});
