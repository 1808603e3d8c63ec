import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { type Catalogue, startCatalogue } from './catalogue.ts';

/** Between the app and PostgreSQL, so that the database can be taken away from this app alone. */
let relay: Relay;
let catalogue: Catalogue;
beforeAll(async () => {
  relay = await Relay.listen(() => inject('services').postgres.port);
  catalogue = await startCatalogue({
    MOVIES_DB_HOST: '127.0.0.1',
    MOVIES_DB_PORT: String(relay.port),
    MOVIES_DB_CONNECT_TIMEOUT: '300',
    MOVIES_DB_QUERY_TIMEOUT: '400',
  });
});
afterAll(async () => {
  relay.heal();
  await catalogue.stop();
  await relay.close();
});
beforeEach(async () => {
  await expect.poll(async () => (await catalogue.request('/api/movies')).status).toBe(200);
});
afterEach(() => relay.heal());

const readiness = async () => (await catalogue.request('/readyz')).json();

test.each([
  ['refusing', 'cut'],
  ['silent', 'black-hole'],
] as const)('a database that is %s: 503 soon, and service again without a restart', async (_how, action) => {
  relay.begin(action);
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
  await expect.poll(readiness).toMatchObject({
    status: 'unavailable',
    parts: { database: { state: 'down', reason: expect.stringMatching(/^cannot be reached$|^does not answer within 700 ms$/) } },
  });

  relay.heal();
  await expect.poll(async () => (await catalogue.request('/readyz')).status).toBe(200);
  expect((await catalogue.request('/api/movies')).status).toBe(200);
});

test('a query that waits for a lock is given up', async () => {
  await catalogue.sql.query('BEGIN; LOCK movies');
  try {
    expect((await catalogue.request('/api/movies/1')).status).toBe(503);
  } finally {
    await catalogue.sql.query('ROLLBACK');
  }
});

test('without its tables inventory is not ready, and says that migrations are missing', async () => {
  await catalogue.sql.query('ALTER TABLE movies RENAME TO hidden');
  try {
    await expect.poll(readiness).toMatchObject({
      parts: { database: { reason: 'has no table of films: its migrations are missing' } },
    });
    expect((await catalogue.request('/readyz')).status).toBe(503);
  } finally {
    await catalogue.sql.query('ALTER TABLE hidden RENAME TO movies');
  }
  await expect.poll(async () => (await catalogue.request('/readyz')).status).toBe(200);
});
