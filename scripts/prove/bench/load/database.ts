import pg from 'pg';
import type { Environment } from '../../../run/stack/environment.ts';

/** The configuration that a client of one of the two databases needs. */
export function databaseOf(environment: Environment, prefix: 'MOVIES_DB' | 'ORDERS_DB'): pg.ClientConfig {
  return {
    host: environment[`${prefix}_HOST`]!,
    port: Number(environment[`${prefix}_PORT`]),
    database: environment[`${prefix}_NAME`]!,
    user: environment[`${prefix}_USER`]!,
    password: environment[`${prefix}_PASSWORD`]!,
  };
}

export async function withDatabase<T>(configuration: pg.ClientConfig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(configuration);
  client.on('error', () => {}); // the query in hand reports it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The catalogue of most questions. */
export const FILMS = 1000;

/** The id of the n-th request for one of them, spread over the table. */
export const filmId = (n: number): number => 1 + ((n * 7919) % FILMS);

/** Replaces the films by `count` others with ids from 1; ten of them have "Zanzibar" in the title. */
export async function fillMovies(client: pg.Client, count: number): Promise<void> {
  // Filled first and indexed afterwards, a million films take seconds instead of minutes.
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'movies' AND indexname <> 'movies_pkey'`,
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${pg.escapeIdentifier(name)}`);
  await client.query('TRUNCATE movies RESTART IDENTITY');
  await client.query(
    `INSERT INTO movies (title, description)
     SELECT (ARRAY['The Silent','A Golden','My Last','Their Broken','The Distant','One Burning','The Hidden'])[1 + n % 7] || ' ' ||
            (ARRAY['River','Garden','Letter','Summer','Mirror','Island','Orchard','Station','Harbour','Winter','Lantern'])[1 + n % 11] || ' ' ||
            CASE WHEN n % ($1::int / 10) = 1 AND n < $1::int THEN 'of Zanzibar' ELSE n::text END,
            repeat('A film about a place, two people and a decision. ', 2)
     FROM generate_series(1, $1::int) AS n`,
    [count],
  );
  for (const { definition } of rows) await client.query(definition);
  await client.query('VACUUM ANALYZE movies');
}
