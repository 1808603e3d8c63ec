import { problem } from '@crud-master/plumbing/problem';
import { z } from 'zod';

const HIGHEST_ID = 2_147_483_647; // PostgreSQL's integer

/** What PostgreSQL can hold as text. */
const text = z
  .string('must be text')
  .refine((value) => !value.includes('\0'), 'must not contain NUL')
  .refine((value) => value.isWellFormed(), 'must not contain half of a surrogate pair');

const title = text.trim().refine((value) => {
  const characters = [...value].length; // as PostgreSQL counts them: an emoji is one
  return characters >= 1 && characters <= 255;
}, 'must have 1 to 255 characters, not counting spaces around it');

const newMovie = z.object({ title, description: text.optional() });
const movieChange = newMovie
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'needs a title, a description, or both');

/** The film of a POST. Throws 400 with everything that is wrong. */
export const readNewMovie = (body: unknown) => parse(newMovie, body);

/** The fields that a PUT replaces. Throws 400 with everything that is wrong. */
export const readMovieChange = (body: unknown) => parse(movieChange, body);

function parse<T extends z.ZodType>(shape: T, body: unknown): z.infer<T> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw problem(400, { kind: 'invalid-movie', detail: 'The body must be a JSON object with title and description.' });
  }
  const result = shape.safeParse(body);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => {
    const field = path.join('.') || 'body';
    return { field, detail: field in body || field === 'body' ? message : 'is required' };
  });
  const list = errors.map(({ field, detail }) => `${field} ${detail}`).join('; ');
  throw problem(400, { kind: 'invalid-movie', detail: `The film is not valid: ${list}.`, errors });
}

/** The id of a path. Throws 400. */
export function readId(segment = ''): number {
  const id = /^[1-9]\d{0,9}$/.test(segment) ? Number(segment) : Number.POSITIVE_INFINITY;
  if (id > HIGHEST_ID) {
    throw problem(400, { kind: 'invalid-id', detail: `The id must be a whole number from 1 to ${HIGHEST_ID}.` });
  }
  return id;
}

/** Films that one page may have. */
const MOST_OF_PAGE = 1000;

export interface Listing {
  /** The text to search for in titles; empty: all films. */
  title: string;
  /** Which part of them is asked for; without it all. */
  page: { limit: number; after: number } | undefined;
}

/** What a list is asked for by `title`, `limit` and `after`. Other parameters are ignored. Throws 400. */
export function readListing(query: string): Listing {
  const pairs = query.split('&').map((pair) => /^([^=]*)=?(.*)$/s.exec(pair)!.slice(1).map(decode));
  const parameter = (name: string, what: string): string | undefined => {
    const values = pairs.filter(([key]) => key === name).map(([, value]) => value);
    if (values.length > 1) throw invalidQuery(`Give ${what} once.`);
    if (values.length === 1 && values[0] === undefined) throw invalidQuery(`${upper(what)} must be percent-encoded UTF-8.`);
    return values[0];
  };
  const title = parameter('title', 'the title to search for') ?? '';
  if (title.includes('\0')) throw invalidQuery('The title to search for must not contain NUL.');
  return { title, page: readPage(parameter('limit', 'the limit'), parameter('after', 'the id after which a page begins')) };
}

function readPage(limit: string | undefined, after: string | undefined): Listing['page'] {
  if (limit === undefined && after !== undefined)
    throw invalidQuery('A page that begins after an id needs a limit: limit=50&after=7.');
  if (limit === undefined) return undefined;
  return {
    limit: wholeNumber(limit, 1, MOST_OF_PAGE, 'The limit'),
    after: after === undefined ? 0 : wholeNumber(after, 0, HIGHEST_ID, 'The id after which a page begins'),
  };
}

function wholeNumber(text: string, low: number, high: number, what: string): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= low && number <= high) return number;
  throw invalidQuery(`${what} must be a whole number from ${low} to ${high}.`);
}

const upper = (text: string) => text[0]!.toUpperCase() + text.slice(1);

const invalidQuery = (detail: string) => problem(400, { kind: 'invalid-query', detail });

/** Undefined where the text is not what an encoder writes. `URLSearchParams` would put U+FFFD there and search for it. */
function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
