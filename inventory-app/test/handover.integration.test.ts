import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startRelayedCatalogue } from './catalogue.ts';

let stack: Awaited<ReturnType<typeof startRelayedCatalogue>>;
beforeAll(async () => {
  stack = await startRelayedCatalogue({ MOVIES_DB_HANDOVER_TIMEOUT: '1000' });
});
afterAll(() => stack.stop());
beforeEach(async () => {
  await expect.poll(async () => (await stack.catalogue.request('/api/movies')).status).toBe(200);
  await stack.catalogue.sql.query('TRUNCATE movies');
});
afterEach(() => stack.relay.heal());

const titles = async () => (await stack.catalogue.sql.query('SELECT title FROM movies')).rows.map(({ title }) => title);

test('what is to be written waits for a database that is away for a moment, and is written once', async () => {
  stack.relay.begin('cut');
  const answers = [1, 2, 3].map((n) => stack.catalogue.send('POST', '/api/movies', { title: `film ${n}` }));
  let attempts = 0;
  await expect.poll(() => (attempts += stack.relay.attempts())).toBeGreaterThan(9); // all have tried again
  stack.relay.heal();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([201, 201, 201]);
  expect((await titles()).sort()).toEqual(['film 1', 'film 2', 'film 3']);
});

test('while it is away for longer, whoever writes learns of it at once, and nothing piles up', async () => {
  stack.relay.begin('cut');
  expect((await stack.catalogue.send('POST', '/api/movies', { title: 'waits' })).status).toBe(503);
  expect(stack.relay.attempts()).toBeGreaterThan(9);
  expect((await stack.catalogue.send('POST', '/api/movies', { title: 'does not' })).status).toBe(503);
  expect(stack.relay.attempts()).toBeLessThan(5); // it, and whether films can be read

  stack.relay.heal();
  expect((await stack.catalogue.send('POST', '/api/movies', { title: 'is back' })).status).toBe(201);
  expect(await titles()).toEqual(['is back']);
});

test.each([
  ['POST', '/api/movies', 201, ['new']],
  ['PUT', '/api/movies/1', 200, ['new']],
  ['DELETE', '/api/movies/1', 204, []],
  ['DELETE', '/api/movies', 204, []],
])('a %s of %s that a server stopped before its commit is done again', async (method, path, status, left) => {
  const { sql } = stack.catalogue;
  await sql.query('TRUNCATE movies');
  if (method !== 'POST') await sql.query("INSERT INTO movies (id, title) VALUES (1, 'old')");
  await sql.query('BEGIN; LOCK movies IN SHARE ROW EXCLUSIVE MODE');
  const answer =
    method === 'DELETE' ? stack.catalogue.request(path, { method }) : stack.catalogue.send(method, path, { title: 'new' });
  const ended = async () =>
    (await sql.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'movies'::regclass"))
      .rowCount;
  await expect.poll(ended).toBeGreaterThan(0);
  await sql.query('ROLLBACK');
  expect((await answer).status).toBe(status);
  expect(await titles()).toEqual(left);
});

test('a server that stops while it is asked does not make inventory unready, when another one answers then', async () => {
  const { sql } = stack.catalogue;
  await sql.query('BEGIN; LOCK movies IN ACCESS EXCLUSIVE MODE');
  const waiting = "FROM pg_locks WHERE NOT granted AND relation = 'movies'::regclass";
  const answers: Promise<Response>[] = [];
  await expect
    .poll(async () => {
      answers.push(stack.catalogue.request('/readyz')); // the look before may be fresh still
      return (await sql.query(`SELECT pg_terminate_backend(pid) ${waiting}`)).rowCount;
    })
    .toBeGreaterThan(0);
  await sql.query('ROLLBACK');
  expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
});
