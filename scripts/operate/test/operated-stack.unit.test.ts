import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { clusterOf } from '../../run/cluster/layout.ts';
import { saveEnvironment } from '../../run/stack/environment.ts';
import { clusterStack, singleStack } from '../operated-stack.ts';

const newHome = () => realpathSync(mkdtempSync(join(tmpdir(), 'operated-')));
const environment = { API_GATEWAY_LISTEN_HOST: '127.0.0.1,::1', API_GATEWAY_PORT: '4999', MOVIES_DB_NAME: 'movies_db' };

describe('a stack that was never started', () => {
  test.each([
    ['npm start', singleStack(newHome())],
    ['npm run cluster -- start', clusterStack(newHome())],
  ])('names the command that starts it: %s', async (command, stack) => {
    await expect(stack.environment()).rejects.toThrow(new RegExp(`was never started: ${command} starts it\\.$`));
    expect(stack.starts).toBe(command);
    expect(await stack.controlProgram()).toBeUndefined();
  });
});

test('a cluster of which nothing runs has the clients’ address, and its servers where the first node has them', async () => {
  const cluster = clusterOf(newHome());
  saveEnvironment(cluster.home, { environment, overrides: {} });
  const stack = clusterStack(cluster.home);
  expect(stack.gatewayUrl()).toBe('http://127.0.0.1:4999');
  const { address } = cluster.nodes[0]!;
  expect(await stack.environment()).toMatchObject({
    MOVIES_DB_NAME: 'movies_db',
    MOVIES_DB_HOST: address,
    ORDERS_DB_HOST: address,
    RABBITMQ_HOST: address,
  });
});
