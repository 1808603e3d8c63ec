import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type Catalogue, startCatalogue } from './catalogue.ts';

/** Between the app and PostgreSQL, so that the database can be taken away from this app alone. */
const sockets = new Set<Socket>();
let mode: 'passing' | 'refusing' | 'silent' = 'passing';
const proxy = createServer((client) => {
  if (mode === 'refusing') return client.destroy();
  sockets.add(client);
  client.on('error', () => {});
  if (mode === 'silent') return;
  const { host, port } = inject('services').postgres;
  const server = connect(port, host).on('error', () => client.destroy());
  client.on('data', (bytes) => mode === 'passing' && server.write(bytes));
  server.on('data', (bytes) => mode === 'passing' && client.write(bytes));
  server.on('close', () => client.destroy());
  client.on('close', () => server.destroy());
});

let catalogue: Catalogue;
beforeAll(async () => {
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  catalogue = await startCatalogue({
    MOVIES_DB_HOST: '127.0.0.1',
    MOVIES_DB_PORT: String((proxy.address() as AddressInfo).port),
    MOVIES_DB_CONNECT_TIMEOUT: '300',
    MOVIES_DB_QUERY_TIMEOUT: '400',
  });
});
afterAll(async () => {
  change('passing');
  await catalogue.stop();
  proxy.close();
});
beforeEach(async () => {
  change('passing');
  await expect.poll(async () => (await catalogue.request('/api/movies')).status).toBe(200);
});

function change(to: typeof mode): void {
  mode = to;
  if (to !== 'silent') for (const socket of sockets) socket.destroy();
}

test.each(['refusing', 'silent'] as const)(
  'a database that is %s: 503 soon, and service again without a restart',
  async (how) => {
    change(how);
    const answers = [
      catalogue.request('/api/movies'),
      catalogue.request('/api/movies', { method: 'HEAD' }),
      catalogue.request('/api/movies?title=x'),
      catalogue.request('/api/movies/1'),
      catalogue.send('POST', '/api/movies', { title: 'y' }),
      catalogue.send('PUT', '/api/movies/1', { title: 'y' }),
      catalogue.request('/api/movies/1', { method: 'DELETE' }),
      catalogue.request('/api/movies', { method: 'DELETE' }),
    ];
    const start = performance.now();
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await answer.text()).not.toMatch(/127\.0\.0\.1|prisma|select/i);
    }
    expect(performance.now() - start).toBeLessThan(2000);

    change('passing');
    expect((await catalogue.request('/api/movies')).status).toBe(200);
  },
);

test('a query that waits for a lock is given up', async () => {
  await catalogue.sql.query('BEGIN; LOCK movies');
  try {
    expect((await catalogue.request('/api/movies/1')).status).toBe(503);
  } finally {
    await catalogue.sql.query('ROLLBACK');
  }
});
