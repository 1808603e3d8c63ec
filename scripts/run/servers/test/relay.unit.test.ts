import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Relay } from '../relay.ts';

/** Answers each piece with itself in capitals. */
let server: Server;
let heard: string[];
let relay: Relay;
const clients: Socket[] = [];

beforeEach(async () => {
  heard = [];
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (piece) => {
      heard.push(String(piece));
      socket.write(String(piece).toUpperCase());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = await Relay.listen(() => (server.address() as AddressInfo).port);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  relay.close();
  server.close();
});

async function open() {
  const socket = connect(relay.port, '127.0.0.1');
  clients.push(socket);
  const client = { socket, received: '', reset: false };
  socket.on('data', (piece) => {
    client.received += piece;
  });
  socket.on('error', () => {
    client.reset = true;
  });
  await once(socket, 'connect').catch(() => {});
  return client;
}

async function ask(client: Awaited<ReturnType<typeof open>>, text: string) {
  client.socket.write(text);
  await sleep(50);
}

test('passes both directions on, and an end', async () => {
  const client = await open();
  await ask(client, 'hello');
  expect(client.received).toBe('HELLO');
  client.socket.end();
  await once(client.socket, 'close');
  expect(client.reset).toBe(false);
});

test('cut: resets what is open and what comes, until it heals', async () => {
  const client = await open();
  await ask(client, 'a');
  relay.begin('cut');
  await sleep(20);
  expect(client.reset).toBe(true);
  const late = await open();
  await sleep(20);
  expect(late.reset).toBe(true);
  relay.heal();
  const next = await open();
  await ask(next, 'b');
  expect(next.received).toBe('B');
});

test('black-hole: nothing passes, and all of it afterwards', async () => {
  const before = await open();
  await ask(before, 'a');
  relay.begin('black-hole');
  const during = await open();
  await ask(before, 'b');
  await ask(during, 'c');
  expect(heard).toEqual(['a']);
  relay.heal();
  await sleep(50);
  expect(before.received).toBe('AB');
  expect(during.received).toBe('C');
});

test('requests lost: the server hears nothing, then the connection is reset', async () => {
  const client = await open();
  relay.begin('requests lost');
  await ask(client, 'a');
  expect(heard).toEqual([]);
  relay.heal();
  await sleep(20);
  expect(client.reset).toBe(true);
});

test('replies lost: the server hears, the client does not, then the connection is reset', async () => {
  const client = await open();
  relay.begin('replies lost');
  await ask(client, 'a');
  expect(heard).toEqual(['a']);
  expect(client.received).toBe('');
  relay.heal();
  await sleep(20);
  expect(client.reset).toBe(true);
});

test('slow: everything arrives late and in order, also when the link heals meanwhile', async () => {
  const client = await open();
  relay.begin('slow');
  await ask(client, 'a');
  expect(heard).toEqual([]);
  relay.heal();
  await ask(client, 'b');
  expect(heard).toEqual([]);
  await sleep(300);
  expect(heard.join('')).toBe('ab');
  expect(client.received).toBe('AB');
});
