import { Readable } from 'node:stream';
import { MOVIE_COLUMNS, type Statement } from './database.ts';
import type { Films } from './traced-database.ts';

/** The first page is small, so that the answer begins at once; then they grow by this factor. */
const FIRST_ROWS = 50;
const GROWTH = 4;
const MOST_ROWS = 1000;
/** A page ends with the film that reaches this. It bounds memory where descriptions are long. */
const PAGE_BYTES = 131072;
/** Up to this many films found, a search fetches them by id. */
const FEW = 10_000;

/** `folded` is in the migrations: Unicode's full case folding, in one normal form. The index is over it. */
const MATCHING = 'folded(title) LIKE folded($3)';

const ALL: Condition = { name: 'all', where: 'true' };
const matching = (pattern: string): Condition => ({ name: 'matching', where: MATCHING, value: pattern });
const anyOf = (ids: number[]): Condition => ({ name: 'ids', where: 'id = ANY($3::int[])', value: ids });

interface Page {
  /** Films as PostgreSQL writes JSON, a comma before each; null when there are none. As it came it goes out: long text is not copied. */
  films: string | null;
  lastId: number | null;
  isLast: boolean;
}

/** Which films: what stands after WHERE, where $3 is the value. */
interface Condition {
  name: string;
  where: string;
  value?: unknown;
}

/**
 * The films whose title contains `search` (all when it is empty) as a JSON array, in the order of their ids. Case and the way
 * a letter with a mark is written make no difference.
 * It reads page by page, as fast as the client does, and so takes the same little memory for any number of films; what
 * fits into the first page needs no stream. Rejects when the first page cannot be read; later failures destroy the stream.
 */
export async function movieList(database: Pick<Films, 'query'>, search: string): Promise<Readable | string> {
  return whole(database, search ? await startSearch(database, search) : await start(database, ALL));
}

/**
 * At most `limit` of those films, with ids above `after`. `last` is the highest id of them where more follow.
 * Their ids are found first: whether more follow has to be known before the first film is sent.
 */
export async function moviePage(
  database: Pick<Films, 'query'>,
  search: string,
  { limit, after }: { limit: number; after: number },
): Promise<{ films: Readable | string; last?: number }> {
  const ids = await idsAfter(database, search, after, limit + 1);
  const inPage = ids.slice(0, limit);
  const films = whole(database, await start(database, anyOf(inPage)));
  return { films, ...(ids.length > limit && { last: inPage.at(-1)! }) };
}

async function idsAfter(database: Pick<Films, 'query'>, search: string, after: number, rows: number): Promise<number[]> {
  const pattern = likePattern(search);
  if (search) {
    const [found] = await database.query<{ ids: number[] }>(FOUND, [pattern]);
    if (found!.ids.length <= FEW)
      return found!.ids
        .filter((id) => id > after)
        .sort((a, b) => a - b)
        .slice(0, rows);
  }
  const { name, where, value } = search ? matching(pattern) : ALL;
  const text = `SELECT id FROM movies WHERE ${where} AND id > $1 ORDER BY id LIMIT $2`;
  const values = value === undefined ? [after, rows] : [after, rows, value];
  return (await database.query<{ id: number }>({ name: `ids-of-${name}`, text }, values)).map(({ id }) => id);
}

function whole(database: Pick<Films, 'query'>, { condition, first }: Start): Readable | string {
  if (first.isLast) return `[${first.films?.slice(1) ?? ''}]`;
  return Readable.from(jsonArray(database, condition, first), { highWaterMark: 1 });
}

/** A Readable is one page ahead of its reader: it asks for the next one while the last one goes out. */
async function* jsonArray(database: Pick<Films, 'query'>, condition: Condition, first: Page): AsyncGenerator<string> {
  let page = first;
  let rows = FIRST_ROWS;
  yield `[${page.films?.slice(1) ?? ''}`;
  while (!page.isLast && page.lastId !== null) {
    rows = Math.min(rows * GROWTH, MOST_ROWS);
    page = await readPage(database, condition, page.lastId, rows);
    if (page.films !== null) yield page.films;
  }
  yield ']';
}

async function readPage(database: Pick<Films, 'query'>, condition: Condition, after: number, rows: number): Promise<Page> {
  const values = condition.value === undefined ? [after, rows] : [after, rows, condition.value];
  const [page] = await database.query<Page>(pageOf(condition), values);
  return page!;
}

const pageOf = ({ name, where }: Condition): Statement => ({ name: `page-of-${name}`, text: pageText(where) });

/** At most $2 films after the id $1. */
const pageText = (where: string) => `
    SELECT string_agg(',' || row_to_json(film)::text, '' ORDER BY film.id) AS films,
           max(film.id) AS "lastId",
           coalesce(count(*) = max(available) AND max(available) < $2, true) AS "isLast"
    FROM (
      SELECT ${MOVIE_COLUMNS},
             count(*) OVER () AS available,
             sum(octet_length(description)) OVER (ORDER BY id) - octet_length(description) AS bytes_before
      FROM (SELECT ${MOVIE_COLUMNS} FROM movies WHERE ${where} AND id > $1 ORDER BY id LIMIT $2) AS page
    ) AS measured,
    LATERAL (SELECT ${MOVIE_COLUMNS}) AS film
    WHERE bytes_before < ${PAGE_BYTES}`;

interface Start {
  condition: Condition;
  first: Page;
}

async function start(database: Pick<Films, 'query'>, condition: Condition): Promise<Start> {
  return { condition, first: await readPage(database, condition, 0, FIRST_ROWS) };
}

/** The ids of the films whose title matches $1, up to one more than FEW. */
const FOUND: Statement = {
  name: 'found',
  text: `SELECT ARRAY(SELECT id FROM movies WHERE ${MATCHING.replace('$3', '$1')} LIMIT ${FEW + 1}) AS ids`,
};

/** The ids of the films whose title matches $3, up to one more than FEW, and of those at most $2 films after the id $1. */
export const SEARCH: Statement = {
  name: 'search',
  text: `
    WITH found AS MATERIALIZED (SELECT id FROM movies WHERE ${MATCHING} LIMIT ${FEW + 1})
    SELECT ARRAY(SELECT id FROM found) AS ids, page.*
    FROM (${pageText('id = ANY(ARRAY(SELECT id FROM found))')}) AS page`,
};

/**
 * With a LIMIT the planner gambles on matches coming soon, and for a rare text reads the whole table in the order of ids.
 * So a search first asks the index which films match. When many do, reading in the order of ids does find them soon.
 */
async function startSearch(database: Pick<Films, 'query'>, search: string): Promise<Start> {
  const pattern = likePattern(search);
  const [found] = await database.query<Page & { ids: number[] }>(SEARCH, [0, FIRST_ROWS, pattern]);
  const { ids, ...first } = found!;
  return ids.length <= FEW ? { condition: anyOf(ids), first } : start(database, matching(pattern));
}

/** For LIKE: whatever contains `text`, literally. */
export const likePattern = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`;
