import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Catalogue, startCatalogue } from './catalogue.ts';

const FILMS = 50_000;

let catalogue: Catalogue;
beforeAll(async () => {
  catalogue = await startCatalogue();
  await catalogue.sql.query(
    `INSERT INTO movies (title, description) SELECT 'Film ' || i, repeat('long ', 100) FROM generate_series(1, ${FILMS}) i`,
  );
  await catalogue.sql.query('ANALYZE movies');
});
afterAll(() => catalogue.stop());

async function open(path: string): Promise<IncomingMessage> {
  const request = get({ host: '127.0.0.1', port: catalogue.port, path });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => {}); // of a connection that the test or the app breaks off
  return response;
}

describe('a long list', () => {
  test.each([
    ['/api/movies', FILMS],
    ['/api/movies?title=film', FILMS],
    ['/api/movies?title=film%201', 11_111],
    ['/api/movies?title=film%2012', 1111],
  ])('%s is complete and in order', async (path, count) => {
    const films = (await (await catalogue.request(path)).json()) as { id: number }[];
    expect(films).toHaveLength(count);
    expect(films.every(({ id }, at) => at === 0 || id > films[at - 1]!.id)).toBe(true);
  });

  test('that the database cannot finish does not end as if it were complete', async () => {
    const list = await open('/api/movies');
    await once(list, 'readable');
    await catalogue.sql.query('ALTER TABLE movies RENAME TO hidden');
    try {
      await expect(
        (async () => {
          for await (const _ of list);
        })(),
      ).rejects.toMatchObject({ code: 'ECONNRESET' });
    } finally {
      await catalogue.sql.query('ALTER TABLE hidden RENAME TO movies');
    }
  });

  test('of films with long descriptions comes in small pages', async () => {
    await catalogue.sql.query(`UPDATE movies SET description = repeat('x', 900000) WHERE id BETWEEN 40 AND 60`);
    const films = (await (await catalogue.request('/api/movies')).json()) as { description: string }[];
    expect(films).toHaveLength(FILMS);
    expect(films.filter(({ description }) => description.length === 900_000)).toHaveLength(21);
  });
});
