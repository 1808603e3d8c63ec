import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { holderOfPort, listensOn } from '../listeners.ts';
import { freePort, isFree } from '../ports.ts';

async function listen() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('a port belongs to the process that listens there, and to no other', async () => {
  const port = await listen();
  expect(listensOn(process.pid, port)).toBe(true);
  expect(listensOn(process.ppid, port)).toBe(false);
  expect(holderOfPort(port)).toContain(`(process ${process.pid})`);
});

test('ports in a row are free together, or passed over together', async () => {
  const port = await listen();
  expect(await isFree(port)).toBe(false);
  const chosen = await freePort(port - 1, 3);
  expect(chosen === port - 1).toBe(false);
  expect(await isFree(chosen + 2)).toBe(true);
});
