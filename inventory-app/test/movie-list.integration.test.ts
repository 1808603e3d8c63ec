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

describe('a page', () => {
  const page = async (query: string) => {
    const answer = await catalogue.request(`/api/movies?${query}`);
    expect(answer.status).toBe(200);
    const next = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
    return { ids: ((await answer.json()) as { id: number }[]).map(({ id }) => id), next };
  };

  test('begins after the id, has so many films, and names the next one', async () => {
    expect(await page('limit=3&after=7')).toEqual({ ids: [8, 9, 10], next: '/api/movies?limit=3&after=10' });
  });

  test.each([
    ['limit=1000', FILMS],
    ['title=film&limit=1000', FILMS], // more than a search fetches by id
    ['title=film%2012&limit=100', 1111],
  ])('after page, from %s on, they are all films, each once, in order', async (first, count) => {
    const ids: number[] = [];
    for (let query: string | undefined = first; query; ) {
      const { ids: more, next } = await page(query);
      ids.push(...more);
      query = next?.split('?')[1];
    }
    expect(ids).toHaveLength(count);
    expect(ids.every((id, at) => at === 0 || id > ids[at - 1]!)).toBe(true);
  });

  test('that is the last has no next one, whether it is full or empty', async () => {
    expect(await page(`limit=2&after=${FILMS - 2}`)).toEqual({ ids: [FILMS - 1, FILMS], next: undefined });
    expect(await page(`limit=2&after=${FILMS}`)).toEqual({ ids: [], next: undefined });
    expect(await page('limit=2&title=nowhere')).toEqual({ ids: [], next: undefined });
  });

  test('of films with long descriptions takes no more memory than a list', async () => {
    await catalogue.sql.query(`UPDATE movies SET description = repeat('x', 900000) WHERE id BETWEEN 40 AND 60`);
    expect((await page('limit=100')).ids).toHaveLength(100);
  });

  test('keeps the text of the search in the name of the next one', async () => {
    await catalogue.sql.query(`UPDATE movies SET title = '50% & "more" ä' WHERE id IN (11, 13)`);
    const { ids, next } = await page(`title=${encodeURIComponent('% & "MORE" Ä')}&limit=1`);
    expect([...ids, ...(await page(next!.split('?')[1]!)).ids]).toEqual([11, 13]);
    await catalogue.sql.query(`UPDATE movies SET title = 'Film ' || id WHERE id IN (11, 13)`);
  });
});
