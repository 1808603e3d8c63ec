import type { Logger } from '@crud-master/plumbing/log';
import { problem } from '@crud-master/plumbing/problem';
import type { Middleware } from 'koa';
import { DirectQueryError, sqlState } from './query-errors.ts';

/** What Prisma adds to the errors that pass through it, those of its own and those of node-postgres. */
interface PrismaError extends Error {
  clientVersion?: string;
}

/** Answers 503 where the database is away, frozen, overloaded or not ready yet. */
export function databaseProblems(log: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (!isUnavailable(error as PrismaError)) throw error;
      const reason = (error as Error).message.trim().split('\n').at(-1);
      log.warn({ request_id: ctx.state.requestId, trace_id: ctx.state.traceId, reason }, 'database unavailable');
      throw problem(503, {
        kind: 'database-unavailable',
        detail: 'The catalogue cannot be reached at the moment. Try again later.',
        headers: { 'Retry-After': '2' },
      });
    }
  };
}

function isUnavailable(error: PrismaError | DirectQueryError): boolean {
  // SQLSTATE classes for bad data, broken constraints, wrong SQL: our mistakes, which waiting does not mend.
  const isOurs = /^(22|23|42)/.test(sqlState(error) ?? '');
  if (error instanceof DirectQueryError) return !isOurs;
  return error.clientVersion !== undefined && error.name !== 'PrismaClientValidationError' && !isOurs;
}
