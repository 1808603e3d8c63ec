import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createClient } from './contract/client.ts';
import { createFilms } from './contract/films.ts';
import { gatewayUrl } from './contract/stack.ts';

const client = createClient(gatewayUrl);
const films = createFilms(client);
const { call } = client;

afterAll(async () => {
  await films.removeAll();
  await client.close();
});

const search = async (text: string) => (await call('GET', `/api/movies?title=${encodeURIComponent(text)}`)).json;

describe('POST /api/movies', () => {
  test('adds a film and says where it is', async () => {
    const title = `Metropolis ${randomUUID()}`;
    const { status, json, headers } = await films.add({ title, description: 'Fritz Lang, 1927' });

    expect(status).toBe(201);
    expect(json).toEqual({ id: json.id, title, description: 'Fritz Lang, 1927' });
    expect(headers.location).toBe(`/api/movies/${json.id}`);
    expect((await call('GET', String(headers.location))).json).toEqual(json);
  });

  test('takes a film without a description', async () => {
    expect((await films.add()).json.description).toBe('');
  });

  test('removes spaces around the title, and only there', async () => {
    const { json } = await films.add({ title: '  The  Third Man \n', description: '  as it is  ' });
    expect(json).toMatchObject({ title: 'The  Third Man', description: '  as it is  ' });
  });

  test('takes a title of 255 characters, also of emoji', async () => {
    expect((await films.add({ title: '🎬'.repeat(255) })).json.title).toBe('🎬'.repeat(255));
  });

  test('ignores unknown fields, an id among them', async () => {
    const { json } = await films.add({ title: 'Playtime', id: 1, director: 'Jacques Tati' } as object);
    expect(json).toEqual({ id: expect.any(Number), title: 'Playtime', description: '' });
    expect(json.id).not.toBe(1);
  });

  test('reads a compressed body', async () => {
    const title = `Compressed ${randomUUID()}`;
    const answer = await call('POST', '/api/movies', {
      body: gzipSync(JSON.stringify({ title })),
      headers: { 'content-encoding': 'gzip' },
    });
    expect(answer).toMatchObject({ status: 201, json: { title } });
    await call('DELETE', `/api/movies/${answer.json.id}`);
  });
});

describe('GET /api/movies', () => {
  test('lists all films in the order of their ids', async () => {
    const { json: first } = await films.add();
    const { json: second } = await films.add();
    const { status, json } = await call('GET', '/api/movies');

    expect(status).toBe(200);
    expect(json).toEqual(expect.arrayContaining([first, second]));
    const ids = json.map(({ id }: { id: number }) => id);
    expect(ids).toEqual(ids.toSorted((a: number, b: number) => a - b));
  });

  test('finds films by a part of the title, in any case', async () => {
    const mark = randomUUID();
    const { json: film } = await films.add({ title: `Der Blaue ÄRGER ${mark}` });
    expect(await search(`blaue ärger ${mark}`)).toEqual([film]);
    expect(await search(`BLAUE ÄRGER ${mark.toUpperCase()}`)).toEqual([film]);
    expect(await search(`Rote ${mark}`)).toEqual([]);
  });

  test.each(['%', '_', '\\', '\\%', "'", '"', '--', ';', '*', '.', '+', '&', '=', '#'])(
    'takes %s in a search as it is',
    async (sign) => {
      const mark = randomUUID();
      const { json: withSign } = await films.add({ title: `${mark}${sign}x` });
      await films.add({ title: `${mark}yx` });
      expect(await search(`${mark}${sign}x`)).toEqual([withSign]);
    },
  );

  test('lists all films for an empty search', async () => {
    const { json: film } = await films.add();
    expect(await search('')).toContainEqual(film);
  });
});

describe('PUT /api/movies/:id', () => {
  test('replaces what is given and leaves the rest', async () => {
    const { json: film } = await films.add({ title: 'Before', description: 'Old' });
    const path = `/api/movies/${film.id}`;

    expect((await call('PUT', path, { body: { description: 'New' } })).json).toEqual({ ...film, description: 'New' });
    expect((await call('PUT', path, { body: { title: 'After' } })).json).toEqual({ ...film, title: 'After', description: 'New' });
    expect((await call('PUT', path, { body: { title: 'Both', description: '' } })).json).toEqual({
      ...film,
      title: 'Both',
      description: '',
    });
    expect((await call('GET', path)).json).toEqual({ ...film, title: 'Both', description: '' });
  });

  test('does not change the id', async () => {
    const { json: film } = await films.add();
    const { json } = await call('PUT', `/api/movies/${film.id}`, { body: { id: 2_000_000_000, description: 'Same' } });
    expect(json.id).toBe(film.id);
  });
});

describe('DELETE /api/movies/:id', () => {
  test('deletes this film, once', async () => {
    const { json: film } = await films.add();
    const { json: neighbour } = await films.add();
    const path = `/api/movies/${film.id}`;

    expect((await call('DELETE', path)).status).toBe(204);
    expect((await call('GET', path)).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(404);
    expect((await call('GET', `/api/movies/${neighbour.id}`)).json).toEqual(neighbour);
  });
});

describe('Every path', () => {
  test('works with a trailing slash', async () => {
    const title = `Slash ${randomUUID()}`;
    const added = await call('POST', '/api/movies/', { body: { title } });
    const path = `/api/movies/${added.json.id}/`;

    expect(added.status).toBe(201);
    expect((await call('GET', path)).json).toEqual(added.json);
    expect((await call('GET', `/api/movies/?title=${encodeURIComponent(title)}`)).json).toEqual([added.json]);
    expect((await call('PUT', path, { body: { description: 'x' } })).status).toBe(200);
    expect((await call('OPTIONS', path)).status).toBe(200);
    expect((await call('DELETE', path)).status).toBe(204);
  });

  test.each([
    ['/api/movies', ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'], ['PUT', 'PATCH', 'PROPFIND', 'TRACE']],
    ['/api/movies/1', ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'], ['POST', 'PATCH', 'PROPFIND', 'TRACE']],
    ['/api/billing', ['POST'], ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE']],
  ])('%s names its methods and refuses others', async (path, possible, others) => {
    const allowed = String((await call('OPTIONS', path)).headers.allow).split(/, ?/);
    expect(allowed).toEqual(expect.arrayContaining(possible.filter((method) => method !== 'OPTIONS')));
    for (const method of others) {
      const answer = await call(method, path);
      expect([method, answer.status]).toEqual([method, 405]);
      expect(String(answer.headers.allow).split(/, ?/)).toEqual(allowed);
    }
  });
});

/** Any text that PostgreSQL can hold: all of Unicode but NUL. */
const text = (options: fc.StringConstraints) =>
  fc.string({ unit: 'binary', ...options }).map((value) => value.replaceAll('\0', ''));

describe('Any text', () => {
  test('comes back as it was sent, and can be searched for', async () => {
    const title = text({ minLength: 1, maxLength: 120 }).filter((value) => value.trim() !== '');
    await fc.assert(
      fc.asyncProperty(title, text({ maxLength: 2000 }), fc.nat(), async (title, description, start) => {
        const expected = { title: title.trim(), description };
        const { json: film } = await films.add({ title, description });
        expect(film).toEqual({ id: film.id, ...expected });
        expect((await call('GET', `/api/movies/${film.id}`)).json).toEqual(film);

        const characters = [...expected.title];
        const part = characters.slice(start % characters.length).join('');
        expect(await search(part)).toContainEqual(film);
      }),
      { numRuns: 100 },
    );
  });
});
