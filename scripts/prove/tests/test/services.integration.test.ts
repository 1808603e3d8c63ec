import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createTestDatabase } from '../services.ts';

test('a test gets a migrated database that its role owns', async () => {
  const { postgres } = inject('services');
  const { name, env } = await createTestDatabase('MOVIES_DB');
  const client = new pg.Client({
    host: postgres.host,
    port: postgres.port,
    user: env.MOVIES_DB_USER!,
    password: env.MOVIES_DB_PASSWORD!,
    database: name,
  });
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS films FROM movies');
  await client.end();
  expect(rows).toEqual([{ films: 0 }]);
});
