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

test.each([
  ['', []],
  ['*', ['*']],
  ['https://films.example, http://localhost:5173', ['https://films.example', 'http://localhost:5173']],
  ['http://[::1]:5173', ['http://[::1]:5173']],
])('CORS_ORIGINS may be "%s"', (CORS_ORIGINS, origins) => {
  expect(loadConfig({ ...env, CORS_ORIGINS }).corsOrigins).toEqual(origins);
});

test.each([
  'films.example',
  'https://films.example/',
  'https://films.example/app',
  'https://Films.example',
  'https://films.example:443',
  'https://*.example',
  'null',
  'file://x',
  '*, https://films.example',
  'https://a b',
])('CORS_ORIGINS may not be "%s", which no browser sends', (CORS_ORIGINS) => {
  expect(() => loadConfig({ ...env, CORS_ORIGINS })).toThrow(/CORS_ORIGINS must be \* or origins such as .* \(it is "/);
});

test('the gateway listens on every address that is named, on one port', () => {
  expect(loadConfig({ ...env, API_GATEWAY_LISTEN_HOST: '127.0.0.1, ::1' }).listen.hosts).toEqual(['127.0.0.1', '::1']);
  expect(() => loadConfig({ ...env, API_GATEWAY_LISTEN_HOST: '0.0.0.0:80' })).toThrow(
    /API_GATEWAY_LISTEN_HOST must be .* without a port/,
  );
});

test.each([
  ['broker', [{ host: 'broker', port: 5672 }]],
  [
    'a, b:5673,c',
    [
      { host: 'a', port: 5672 },
      { host: 'b', port: 5673 },
      { host: 'c', port: 5672 },
    ],
  ],
  ['::1', [{ host: '::1', port: 5672 }]],
  [
    '[::1]:5673,10.0.0.1:1',
    [
      { host: '::1', port: 5673 },
      { host: '10.0.0.1', port: 1 },
    ],
  ],
])('RABBITMQ_HOST may be %s', (hosts, nodes) => {
  expect(loadConfig({ ...env, RABBITMQ_HOST: hosts, RABBITMQ_PORT: '5672' }).broker.nodes).toEqual(nodes);
});

test.each(['a,', ',', 'a:0', 'a:70000', 'a b', 'amqp://a', '[::1', 'a@b'])('RABBITMQ_HOST may not be %j', (hosts) => {
  expect(() => loadConfig({ ...env, RABBITMQ_HOST: hosts })).toThrow('RABBITMQ_HOST must be a host name');
});

test('the nodes of a cluster have the order of CLUSTER_NODES, whichever broker is the own one', () => {
  const { nodes } = loadConfig({ ...env, RABBITMQ_HOST: 'b,a:5673', CLUSTER_NODES: 'a:1,b' });
  expect(nodes).toEqual([
    { name: 'node-1', broker: 1, patroni: { host: 'a', port: 1 } },
    { name: 'node-2', broker: 0, patroni: { host: 'b', port: 8008 } },
  ]);
});

test('there are no nodes with one broker, and unknown databases with several', () => {
  expect(loadConfig(env).nodes).toEqual([]);
  expect(loadConfig({ ...env, RABBITMQ_HOST: 'b,a' }).nodes).toEqual([
    { name: 'node-1', broker: 0, patroni: undefined },
    { name: 'node-2', broker: 1, patroni: undefined },
  ]);
});

test('CLUSTER_NODES may not name other hosts than RABBITMQ_HOST', () => {
  expect(() => loadConfig({ ...env, RABBITMQ_HOST: 'a,b', CLUSTER_NODES: 'a,c' })).toThrow(
    'CLUSTER_NODES and RABBITMQ_HOST must name the same hosts, in any order (they are "a,c" and "a,b")',
  );
});
