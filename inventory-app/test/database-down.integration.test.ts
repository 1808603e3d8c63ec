import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRelayedCatalogue } from './catalogue.ts';

let stack: Awaited<ReturnType<typeof startRelayedCatalogue>>;
beforeAll(async () => {
  stack = await startRelayedCatalogue({ MOVIES_DB_QUERY_TIMEOUT: '400' });
});
afterAll(() => stack.stop());
beforeEach(async () => {
  await expect.poll(async () => (await stack.catalogue.request('/api/movies')).status).toBe(200);
});
afterEach(() => stack.relay.heal());

const readiness = async () => (await stack.catalogue.request('/readyz')).json();

test.each([
  ['refusing', 'cut'],
  ['silent', 'black-hole'],
] as const)('a database that is %s: 503 soon, and service again without a restart', async (_how, action) => {
  stack.relay.begin(action);
  const answers = [
    stack.catalogue.request('/api/movies'),
    stack.catalogue.request('/api/movies', { method: 'HEAD' }),
    stack.catalogue.request('/api/movies?title=x'),
    stack.catalogue.request('/api/movies/1'),
    stack.catalogue.send('POST', '/api/movies', { title: 'y' }),
    stack.catalogue.send('PUT', '/api/movies/1', { title: 'y' }),
    stack.catalogue.request('/api/movies/1', { method: 'DELETE' }),
    stack.catalogue.request('/api/movies', { method: 'DELETE' }),
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

  stack.relay.heal();
  await expect.poll(async () => (await stack.catalogue.request('/readyz')).status).toBe(200);
  expect((await stack.catalogue.request('/api/movies')).status).toBe(200);
});

test('a query that waits for a lock is given up', async () => {
  await stack.catalogue.sql.query('BEGIN; LOCK movies');
  try {
    expect((await stack.catalogue.request('/api/movies/1')).status).toBe(503);
  } finally {
    await stack.catalogue.sql.query('ROLLBACK');
  }
});

test('without its tables inventory is not ready, and says that migrations are missing', async () => {
  await stack.catalogue.sql.query('ALTER TABLE movies RENAME TO hidden');
  try {
    await expect.poll(readiness).toMatchObject({
      parts: { database: { reason: 'has no table of films: its migrations are missing' } },
    });
    expect((await stack.catalogue.request('/readyz')).status).toBe(503);
  } finally {
    await stack.catalogue.sql.query('ALTER TABLE hidden RENAME TO movies');
  }
  await expect.poll(async () => (await stack.catalogue.request('/readyz')).status).toBe(200);
});
