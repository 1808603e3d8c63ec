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

/** The text to search for in titles; empty when there is none. Throws 400. */
export function readSearch(query: string): string {
  const titles = query
    .split('&')
    .map((pair) => /^([^=]*)=?(.*)$/s.exec(pair)!.slice(1).map(decode))
    .filter(([name]) => name === 'title')
    .map(([, value]) => value);
  if (titles.length > 1) throw invalidQuery('Give the title to search for once.');
  if (titles.length === 0) return '';
  const [title] = titles;
  if (title === undefined) throw invalidQuery('The title to search for must be percent-encoded UTF-8.');
  if (title.includes('\0')) throw invalidQuery('The title to search for must not contain NUL.');
  return title;
}

const invalidQuery = (detail: string) => problem(400, { kind: 'invalid-query', detail });

/** Undefined where the text is not what an encoder writes. `URLSearchParams` would put U+FFFD there and search for it. */
function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
