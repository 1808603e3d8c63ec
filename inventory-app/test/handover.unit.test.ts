import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { again, PatientPool } from '../app/handover.ts';
import { DirectQueryError } from '../app/query-errors.ts';

/** A message of PostgreSQL's (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
function message(type: string, body: string): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, Buffer.from(body)]);
}
const LET_IN = message('R', '\0\0\0\0');
const READY = message('Z', 'I');
const DONE = message('C', 'SELECT 0\0');
const STOPS = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');

test('a server that stops in the very moment in which it is ready ends no process, and the query goes to the next one', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    const stops = ++connections === 1;
    socket.once('data', () => {
      if (stops) socket.end(Buffer.concat([LET_IN, READY, STOPS]));
      else socket.write(Buffer.concat([LET_IN, READY]));
      socket.on('data', (data) => {
        if (!stops && data.toString('latin1', 0, 1) === 'Q') socket.write(Buffer.concat([DONE, READY]));
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options: pg.PoolConfig = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, user: 'u', max: 1 };
  const pool = new PatientPool(options, 1000);
  pool.on('error', () => {});
  await expect(pool.query('SELECT')).resolves.toMatchObject({ rowCount: 0 });
  expect(connections).toBe(2);
  await pool.end();
  server.close();
});

test('what only reads does not wait twice for a place that closes each connection, and not at all when that lasts', async () => {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pool = new PatientPool({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, user: 'u' }, 200);
  let attempts = 0;
  server.on('connection', () => attempts++);
  const read = () =>
    again(
      () =>
        pool.query('SELECT').catch((error) => {
          throw new DirectQueryError(error);
        }),
      60_000,
      true,
    );
  await expect(read()).rejects.toThrow('Connection terminated unexpectedly');
  attempts = 0;
  await expect(read()).rejects.toThrow('Connection terminated unexpectedly');
  expect(attempts).toBeLessThan(3); // it, and one of before that is seen late
  await pool.end();
  server.close();
});

test.each(['Connection terminated unexpectedly', 'read ECONNRESET', 'write EPIPE'])(
  '%s: what only reads is done again, and nothing else',
  async (words) => {
    const cutOffOnce = () => {
      let attempts = 0;
      return async () => {
        if (++attempts === 1) throw new DirectQueryError(new Error(words));
        return attempts;
      };
    };
    await expect(again(cutOffOnce(), 1000, true)).resolves.toBe(2);
    await expect(again(cutOffOnce(), 1000)).rejects.toThrow(words);
  },
);
