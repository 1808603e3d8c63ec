import { METHODS } from 'node:http';
import { jsonBody } from '@crud-master/plumbing/json-body';
import { problem } from '@crud-master/plumbing/problem';
import Router from '@koa/router';
import type { Context } from 'koa';
import { type Database, MOVIE_COLUMNS, type Statement } from './database.ts';
import type { Movie } from './generated/client.ts';
import { readId, readListing, readMovieChange, readNewMovie } from './movie-input.ts';
import { movieList, moviePage } from './movie-list.ts';
import { databaseFor } from './traced-database.ts';

const MOVIE_BY_ID: Statement = { name: 'movie-by-id', text: `SELECT ${MOVIE_COLUMNS} FROM movies WHERE id = $1` };

/** Longer than 40 lines: the routes in one list. */
export function moviesRouter(database: Database, bodyLimit: number): Router {
  // All methods of HTTP are known, so that every wrong one is answered 405.
  const router = new Router({ prefix: '/api/movies', sensitive: true, methods: METHODS });
  const body = jsonBody(bodyLimit);
  const databaseOf = (ctx: Context) => databaseFor(database, ctx.state.span);

  router.get('/', async (ctx) => {
    const { title, page } = readListing(ctx.querystring);
    const { films, last } = page
      ? await moviePage(databaseOf(ctx), title, page)
      : { films: await movieList(databaseOf(ctx), title) };
    if (page && last !== undefined) ctx.set('Link', `<${nextPage(title, page.limit, last)}>; rel="next"`);
    ctx.body = films;
    ctx.type = 'json';
  });

  router.post('/', body, async (ctx) => {
    const film = readNewMovie(ctx.request.body);
    const [movie] = await databaseOf(ctx).query<Movie>(insertOf(Object.keys(film)), Object.values(film));
    ctx.status = 201;
    ctx.set('Location', `/api/movies/${movie!.id}`);
    ctx.body = movie;
  });

  router.delete('/', async (ctx) => {
    await databaseOf(ctx).deleteAll();
    ctx.status = 204;
  });

  router.get('/:id', async (ctx) => {
    const id = readId(ctx.params.id);
    const [movie] = await databaseOf(ctx).query<Movie>(MOVIE_BY_ID, [id]);
    if (!movie) throw noSuchMovie(id);
    ctx.body = movie;
  });

  router.put('/:id', body, async (ctx) => {
    const id = readId(ctx.params.id);
    const movie = await databaseOf(ctx).update(id, readMovieChange(ctx.request.body));
    if (!movie) throw noSuchMovie(id);
    ctx.body = movie;
  });

  router.delete('/:id', async (ctx) => {
    const id = readId(ctx.params.id);
    if (!(await databaseOf(ctx).delete(id))) throw noSuchMovie(id);
    ctx.status = 204;
  });

  return router;
}

/** As a client asks for it (RFC 8288, section 3). */
const nextPage = (title: string, limit: number, after: number) =>
  `/api/movies?${title && `title=${encodeURIComponent(title)}&`}limit=${limit}&after=${after}`;

/** The other columns get their defaults. `columns` come from the schema of a new film, never from a client. */
const insertOf = (columns: string[]): Statement => ({
  name: `insert-${columns}`,
  writes: true,
  text: `INSERT INTO movies (${columns}) VALUES (${columns.map((_, i) => `$${i + 1}`)}) RETURNING ${MOVIE_COLUMNS}`,
});

const noSuchMovie = (id: number) => problem(404, { kind: 'no-such-movie', detail: `There is no film with the id ${id}.` });
