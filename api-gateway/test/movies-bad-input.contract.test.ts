import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ContractAnswer, createClient, type Request } from './contract/client.ts';
import { createFilms } from './contract/films.ts';
import { gatewayUrl } from './contract/stack.ts';

const client = createClient(gatewayUrl);
const films = createFilms(client);
const { call } = client;
let film: { id: number; title: string; description: string };

beforeAll(async () => {
  film = (await films.add({ description: 'Stays as it is' })).json;
});
afterAll(async () => {
  expect((await call('GET', `/api/movies/${film.id}`)).json, 'a refused request changed the film').toEqual(film);
  await films.removeAll();
  await client.close();
});

type Bad = [what: string, status: number, request: Request, field?: string];

const asType = (type: string, body: unknown = { title: 'x' }): Request => ({ body, headers: { 'content-type': type } });
const coded = (coding: string, body: unknown): Request => ({ body, headers: { 'content-encoding': coding } });

/** For POST and PUT alike. */
const badFilms: Bad[] = [
  ['no body', 400, asType('application/json', '')],
  ['spaces', 400, { body: '  ' }],
  ['a word', 400, { body: 'Metropolis' }],
  ['half an object', 400, { body: '{"title": "Metropolis"' }],
  ['two objects', 400, { body: '{"title":"x"}{"title":"y"}' }],
  ['a trailing comma', 400, { body: '{"title":"x",}' }],
  ['single quotes', 400, { body: "{'title':'x'}" }],
  ['a form', 400, { body: 'title=x' }],
  ['a raw line break in a string', 400, { body: '{"title":"a\nb"}' }],
  ['NaN', 400, { body: '{"title":NaN}' }],
  ['broken UTF-8', 400, { body: Buffer.from('{"title":"\xff"}', 'latin1') }],
  ['UTF-16', 400, { body: Buffer.from('{"title":"x"}', 'utf16le') }],
  ['5000 levels', 400, { body: `{"title":${'['.repeat(5000)}${']'.repeat(5000)}}` }],
  ['null', 400, { body: 'null' }],
  ['a number', 400, { body: '42' }],
  ['a string', 400, { body: '"Metropolis"' }],
  ['an array', 400, { body: [{ title: 'x' }] }],
  ['an empty object', 400, { body: {} }],
  ['an unknown field alone', 400, { body: { name: 'x' } }],
  ['an empty title', 400, { body: { title: '' } }, 'title'],
  ['a title of spaces', 400, { body: { title: ' \t\n ' } }, 'title'],
  ['a title of 256 characters', 400, { body: { title: 'x'.repeat(256) } }, 'title'],
  ['a title that is null', 400, { body: { title: null } }, 'title'],
  ['a title that is a number', 400, { body: { title: 1984 } }, 'title'],
  ['a title that is an array', 400, { body: { title: ['x'] } }, 'title'],
  ['a title that is an object', 400, { body: { title: { contains: 'x' } } }, 'title'],
  ['NUL in the title', 400, { body: { title: 'a\0b' } }, 'title'],
  ['half a surrogate pair in the title', 400, { body: '{"title":"a\\ud800b"}' }, 'title'],
  ['a description that is a number', 400, { body: { title: 'x', description: 5 } }, 'description'],
  ['a description that is an object', 400, { body: { title: 'x', description: {} } }, 'description'],
  ['NUL in the description', 400, { body: { title: 'x', description: '\0' } }, 'description'],
  ['half a surrogate pair in the description', 400, { body: '{"title":"x","description":"\\udc00"}' }, 'description'],
  ['two megabytes', 413, { body: { title: 'x', description: 'x'.repeat(2_000_000) } }],
  ['two megabytes, compressed', 413, coded('gzip', gzipSync(JSON.stringify({ title: 'x', description: 'x'.repeat(2_000_000) })))],
  ['broken gzip', 400, coded('gzip', 'not gzip')],
  ['an unknown coding', 415, coded('rot13', { title: 'x' })],
  ['text/plain', 415, asType('text/plain')],
  ['a form type', 415, asType('application/x-www-form-urlencoded', 'title=x')],
  ['multipart', 415, asType('multipart/form-data; boundary=x', '--x--')],
  ['XML', 415, asType('application/xml', '<title/>')],
  ['an empty content type', 415, asType('')],
  ['a type that only begins like JSON', 415, asType('application/jsonp')],
  ['an unknown charset', 415, asType('application/json; charset=utf-16')],
];

function expectRefusal(answer: ContractAnswer, status: number, field?: string) {
  expect(answer.status).toBe(status);
  if (field) expect(answer.json.errors.map((error: { field: string }) => error.field)).toContain(field);
}

describe('POST /api/movies refuses', () => {
  test.each(badFilms)('%s: %i', async (_what, status, request, field) => {
    expectRefusal(await call('POST', '/api/movies', request), status, field);
  });

  test('all fields that are wrong, together', async () => {
    const { json } = await call('POST', '/api/movies', { body: { title: 5, description: 6 } });
    expect(json.errors.map((error: { field: string }) => error.field)).toEqual(['title', 'description']);
  });
});

describe('PUT /api/movies/:id refuses', () => {
  test.each(badFilms)('%s: %i', async (_what, status, request, field) => {
    expectRefusal(await call('PUT', `/api/movies/${film.id}`, request), status, field);
  });
});

describe('An id that no film can have is refused', () => {
  test.each([
    '0',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    '01',
    'NaN',
    'word',
    'null',
    '2147483648',
    '99999999999999999999',
    '1%00',
    '%00',
    '%20',
    '1;DROP',
    "1'",
    '%F0%9F%8E%AC',
    '١',
  ])('%s', async (id) => {
    const path = `/api/movies/${encodeURI(id).replaceAll('%25', '%')}`;
    for (const [method, request] of [['GET'], ['DELETE'], ['PUT', { body: { title: 'x' } }]] as [string, Request?][]) {
      expect([400, 404]).toContain((await call(method, path, request)).status);
    }
  });
});

describe('A path that does not exist is answered 404', () => {
  test.each([
    '/live',
    '/api',
    '/api/',
    '/api/films',
    '/api/moviesx',
    '/movies',
    '/API/movies',
    `/api/movies/1/title`,
    '/favicon.ico',
    '/api/billing/1',
    '/api/../etc/passwd',
  ])('%s', async (path) => {
    expect((await call('GET', path)).status).toBe(404);
  });
});

describe('A search that cannot be understood is refused', () => {
  test.each(['title=%00', 'title=%ff', 'title=%', 'title=%zz', 'title=a&title=b', 'title=%ed%a0%80'])('%s', async (query) => {
    expect((await call('GET', `/api/movies?${query}`)).status).toBe(400);
  });
});
