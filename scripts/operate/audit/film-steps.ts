import { answered, expect, type Step } from './audit-step.ts';

const MOVIE = { title: 'A new movie', description: 'Very short description' };

interface Movie {
  id: number;
  title: string;
  description: string;
}

/** A film from its POST to the empty catalogue. Longer than 40 lines: a list. */
export function filmSteps(): Step[] {
  let movie: Movie;

  return [
    {
      title: 'POST /api/movies adds a movie',
      async run({ target, show }) {
        movie = await answered(201, show(target.request('POST', '/api/movies/', MOVIE)));
        expect(movie.title === MOVIE.title && movie.description === MOVIE.description, 'the answer is another movie');
      },
    },
    {
      title: 'GET /api/movies lists it',
      async run({ target, show }) {
        const movies = await answered<Movie[]>(200, show(target.request('GET', '/api/movies/')));
        expect(
          movies.some(({ id }) => id === movie.id),
          'the movie is not in the list',
        );
      },
    },
    {
      title: 'GET /api/movies?title= finds it',
      async run({ target, show }) {
        const movies = await answered<Movie[]>(200, show(target.request('GET', '/api/movies?title=NEW%20mov')));
        expect(
          movies.some(({ id }) => id === movie.id),
          'the movie is not found by a part of its title',
        );
      },
    },
    {
      title: 'GET /api/movies/:id returns it',
      async run({ target, show }) {
        const found = await answered<Movie>(200, show(target.request('GET', `/api/movies/${movie.id}`)));
        expect(found.title === MOVIE.title, 'the answer is another movie');
      },
    },
    {
      title: 'PUT /api/movies/:id changes it',
      async run({ target, show }) {
        const change = { title: 'A changed movie' };
        const changed = await answered<Movie>(200, show(target.request('PUT', `/api/movies/${movie.id}`, change)));
        expect(
          changed.title === change.title && changed.description === MOVIE.description,
          'the answer is not the changed movie',
        );
      },
    },
    {
      title: 'The table movies holds it',
      async run({ target, show }) {
        const { output } = await show(target.sql('inventory_app', `SELECT * FROM movies WHERE id = ${movie.id}`));
        expect(/^\s*id\s+\|\s+title\s+\|\s+description\s*$/m.test(output), 'the columns are not id, title, description');
        expect(output.includes('A changed movie'), 'the movie is not in the table');
      },
    },
    {
      title: 'DELETE /api/movies/:id removes it',
      async run({ target, show }) {
        await answered(204, show(target.request('DELETE', `/api/movies/${movie.id}`)));
        await answered(404, show(target.request('GET', `/api/movies/${movie.id}`)));
      },
    },
    {
      title: 'DELETE /api/movies removes all',
      async run({ target, show, deleteAll }) {
        const present = await answered<Movie[]>(200, target.request('GET', '/api/movies'));
        if (present.length > 0 && !deleteAll) return `the catalogue holds ${present.length} movies: --delete-all allows it`;
        await answered(201, show(target.request('POST', '/api/movies', MOVIE)));
        await answered(204, show(target.request('DELETE', '/api/movies')));
        const left = await answered<Movie[]>(200, show(target.request('GET', '/api/movies')));
        expect(left.length === 0, `${left.length} movies are left`);
      },
    },
  ];
}
