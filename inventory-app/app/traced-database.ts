import type { Span } from '@crud-master/plumbing/spans';
import { traceStatements } from '@crud-master/plumbing/statement-spans';
import type { Database } from './database.ts';
import { sqlState } from './query-errors.ts';

/** What routes ask of the database. */
export type Films = Pick<Database, 'query' | 'update' | 'delete' | 'deleteAll'>;

/** The database for one request: its statements are spans below that of the request, where it has one. */
export function databaseFor(database: Database, parent: Span | undefined): Films {
  if (!parent) return database;
  const run = traceStatements(parent, database.place, sqlState);
  return {
    query: (statement, values) => run(statement.writes ? 'INSERT' : 'SELECT', 'movies', () => database.query(statement, values)),
    update: (id, data) => run('UPDATE', 'movies', () => database.update(id, data)),
    delete: (id) => run('DELETE', 'movies', () => database.delete(id)),
    deleteAll: () => run('TRUNCATE', 'movies', () => database.deleteAll()),
  };
}
