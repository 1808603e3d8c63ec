import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readId, readListing, readMovieChange, readNewMovie } from '../app/movie-input.ts';
import { likePattern } from '../app/movie-list.ts';

interface Problem {
  status?: number;
  problem?: { kind: string; errors?: { field: string; detail: string }[] };
}

function problemOf(read: () => unknown): Problem | undefined {
  try {
    read();
  } catch (error) {
    return error as Problem;
  }
}

const anyText = fc.string({ unit: 'binary' }); // also lone surrogates and NUL

describe('a new film', () => {
  test.each([
    [{ title: ' Metropolis\n' }, { title: 'Metropolis' }],
    [
      { title: 'Playtime', description: ' kept as it is ' },
      { title: 'Playtime', description: ' kept as it is ' },
    ],
    [{ title: 'x', id: 7, unknown: { deep: [] } }, { title: 'x' }],
    [{ title: '😀'.repeat(255) }, { title: '😀'.repeat(255) }],
  ])('%j is taken', (body, film) => {
    expect(readNewMovie(body)).toEqual(film);
  });

  test.each([
    [{}, ['title']],
    [{ title: null }, ['title']],
    [{ title: 5 }, ['title']],
    [{ title: '' }, ['title']],
    [{ title: ' \t\n ' }, ['title']],
    [{ title: 'x'.repeat(256) }, ['title']],
    [{ title: '😀'.repeat(256) }, ['title']],
    [{ title: 'a\0b' }, ['title']],
    [{ title: '\ud800' }, ['title']],
    [{ title: 'x', description: null }, ['description']],
    [{ title: 'x', description: 'a\0b' }, ['description']],
    [{ title: 'x', description: '\udc00' }, ['description']],
    [{ title: [], description: {} }, ['title', 'description']],
  ])('%j is refused, naming each field', (body, fields) => {
    const { status, problem } = problemOf(() => readNewMovie(body))!;
    expect(status).toBe(400);
    expect(problem?.errors?.map(({ field }) => field)).toEqual(fields);
  });

  test.each([null, [], 'text', 5, true, undefined])('%j is not an object', (body) => {
    expect(problemOf(() => readNewMovie(body))).toMatchObject({ status: 400, problem: { kind: 'invalid-movie' } });
  });

  test('any JSON is either a film that PostgreSQL can hold, or a problem', () => {
    const body = fc.oneof(fc.jsonValue(), fc.record({ title: anyText, description: anyText }, { requiredKeys: [] }));
    fc.assert(
      fc.property(body, (value) => {
        for (const read of [readNewMovie, readMovieChange]) {
          const refused = problemOf(() => read(value));
          if (refused) expect(refused).toMatchObject({ status: 400, problem: { kind: 'invalid-movie' } });
          else for (const text of Object.values(read(value))) expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
        }
      }),
    );
  });
});

describe('a change', () => {
  test.each([[{ title: 'x' }], [{ description: '' }]])('%j is enough', (body) => {
    expect(readMovieChange(body)).toEqual(body);
  });

  test.each([[{}], [{ name: 'x' }]])('%j is not', (body) => {
    expect(problemOf(() => readMovieChange(body))).toMatchObject({ status: 400 });
  });
});

describe('an id', () => {
  test('is a whole number from 1 to 2147483647', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2_147_483_647 }), (id) => readId(String(id)) === id));
  });

  test.each(['0', '-1', '01', '1.0', '1e3', '2147483648', '99999999999999999999', '', ' 1', '0x1', '١'])('%j is none', (text) => {
    expect(problemOf(() => readId(text))).toMatchObject({ status: 400, problem: { kind: 'invalid-id' } });
  });
});

describe('a search', () => {
  test.each([
    ['', ''],
    ['title', ''],
    ['title=', ''],
    ['other=1&title=a', 'a'],
    ['title=the+matrix%21', 'the matrix!'],
    ['titles=a', ''],
    ['other=%zz', ''],
  ])('?%s looks for "%s"', (query, text) => {
    expect(readListing(query)).toEqual({ title: text, page: undefined });
  });

  test.each([
    ['limit=1', { limit: 1, after: 0 }],
    ['limit=1000&after=0', { limit: 1000, after: 0 }],
    ['after=2147483647&limit=007', { limit: 7, after: 2_147_483_647 }],
    ['LIMIT=0', undefined],
  ])('?%s asks for a page', (query, page) => {
    expect(readListing(query)).toEqual({ title: '', page });
  });

  test.each([
    ['limit=0', 'The limit must be a whole number from 1 to 1000.'],
    ['limit=1001', 'The limit must be a whole number from 1 to 1000.'],
    ['limit=', 'The limit must be a whole number from 1 to 1000.'],
    ['limit=1e2', 'The limit must be a whole number from 1 to 1000.'],
    ['limit=5&after=-1', 'The id after which a page begins must be a whole number from 0 to 2147483647.'],
    ['limit=5&after=2147483648', 'The id after which a page begins must be a whole number from 0 to 2147483647.'],
    ['after=5', 'A page that begins after an id needs a limit: limit=50&after=7.'],
    ['limit=5&limit=6', 'Give the limit once.'],
    ['limit=%zz', 'The limit must be percent-encoded UTF-8.'],
  ])('?%s is refused: %s', (query, detail) => {
    expect(problemOf(() => readListing(query))).toMatchObject({ status: 400, problem: { kind: 'invalid-query', detail } });
  });

  test.each(['title=a&title=b', 'title=%zz', 'title=%', 'title=%00', 'title=%ff', 'title=%ed%a0%80'])(
    '?%s is refused',
    (query) => {
      expect(problemOf(() => readListing(query))).toMatchObject({ status: 400, problem: { kind: 'invalid-query' } });
    },
  );

  test('finds in any query text or a problem', () => {
    fc.assert(
      fc.property(anyText, (query) => {
        const refused = problemOf(() => readListing(query));
        if (refused) expect(refused).toMatchObject({ status: 400 });
      }),
    );
  });

  test('matches any text literally', () => {
    // LIKE as PostgreSQL defines it: a backslash makes the next character mean itself.
    const matches = (pattern: string, text: string) => {
      const source = pattern.replace(/\\(.)|([%_])|(.)/gsu, (_, escaped, wildcard, plain) =>
        wildcard ? (wildcard === '%' ? '.*' : '.') : (escaped ?? plain).replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'),
      );
      return new RegExp(`^${source}$`, 's').test(text);
    };
    const text = fc.string({ unit: fc.constantFrom('a', '%', '_', '\\'), maxLength: 6 });
    fc.assert(fc.property(text, text, (part, title) => matches(likePattern(part), title) === title.includes(part)));
  });
});
