import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Film {
  title: string;
  description: string;
}

/** A row of `movies.json`: dirty on purpose, with numbers for titles and many columns left out. */
type Row = Record<string, string | number | null>;

interface Films {
  films: Film[];
  untitled: number;
  /** Rows that would be the same film again. */
  repeated: number;
}

/** The rows of `movies.json` in the npm package vega-datasets. */
export function readRows(): Row[] {
  const entry = createRequire(import.meta.url).resolve('vega-datasets'); // …/build/index.js: the data is not among its exports
  return JSON.parse(readFileSync(join(entry, '../../data/movies.json'), 'utf8'));
}

export function filmsFromRows(rows: Row[]): Films {
  const films = new Map<string, Film>();
  let untitled = 0;
  let repeated = 0;
  for (const row of rows) {
    const title = String(row.Title ?? '').trim();
    if (!title) {
      untitled++;
      continue;
    }
    const film = { title, description: describe(row) };
    const key = filmKey(film);
    if (films.has(key)) repeated++;
    else films.set(key, film);
  }
  return { films: [...films.values()], untitled, repeated };
}

/** Two films with the same key are the same film: remakes share a title, so it needs the description too. */
export function filmKey({ title, description }: Film): string {
  return JSON.stringify([title, description]);
}

function describe(row: Row): string {
  return [
    sentence([row['Major Genre'], row['Creative Type']], ', '),
    sentence([row.Director && `directed by ${row.Director}`], ''),
    sentence([row.Source], ''),
    sentence([row['Release Date'] && `released ${row['Release Date']}`, row.Distributor && `by ${row.Distributor}`], ' '),
    sentence(
      [
        row['MPAA Rating'] && (row['MPAA Rating'] === 'Not Rated' ? 'not rated' : `rated ${row['MPAA Rating']}`),
        row['Running Time min'] && `${row['Running Time min']} minutes`,
      ],
      ', ',
    ),
    sentence([row['Production Budget'] && `budget ${dollars(row['Production Budget'])}`], ''),
    sentence([row['Worldwide Gross'] && `worldwide gross ${dollars(row['Worldwide Gross'])}`], ''),
    sentence([row['IMDB Rating'] && `IMDb ${row['IMDB Rating']}`, row['IMDB Votes'] && `(${row['IMDB Votes']} votes)`], ' '),
    sentence([row['Rotten Tomatoes Rating'] && `Rotten Tomatoes ${row['Rotten Tomatoes Rating']} %`], ''),
  ]
    .filter(Boolean)
    .join(' ');
}

function sentence(parts: (string | number | null | undefined)[], separator: string): string {
  const text = parts.filter(Boolean).join(separator);
  return text && `${text[0]!.toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

function dollars(amount: string | number): string {
  return `$${Number(amount).toLocaleString('en-US')}`;
}
