import type { Span } from './spans.ts';

/** Runs a statement, under a span of its own where its caller has one. */
export type RunStatement = <T>(operation: string, table: string, run: () => Promise<T>) => Promise<T>;

export interface DatabasePlace {
  host: string;
  port: number;
  name: string;
}

/**
 * Spans of statements, without any value of them (https://opentelemetry.io/docs/specs/semconv/database/postgresql/).
 * `sqlState`: PostgreSQL's code of an error, where it has one.
 */
export function traceStatements(
  parent: Span,
  { host, port, name }: DatabasePlace,
  sqlState: (error: unknown) => string | undefined,
): RunStatement {
  return async (operation, table, run) => {
    const summary = `${operation} ${table}`;
    const span = parent.child('client', summary, {
      'db.system.name': 'postgresql',
      'db.namespace': name,
      'db.operation.name': operation,
      'db.collection.name': table,
      'db.query.summary': summary,
      'server.address': host,
      'server.port': port,
    });
    try {
      const result = await run();
      span.end();
      return result;
    } catch (error) {
      const code = sqlState(error);
      span.set({ 'db.response.status_code': code });
      span.end(code ?? (error as Error).name);
      throw error;
    }
  };
}
