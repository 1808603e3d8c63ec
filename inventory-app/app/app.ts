import type { Logger } from '@crud-master/plumbing/log';
import { problems } from '@crud-master/plumbing/problem';
import Koa from 'koa';
import { accessLog } from './access-log.ts';
import type { Database } from './database.ts';
import { databaseProblems } from './database-problems.ts';
import { moviesRouter } from './movies.ts';

interface AppParts {
  database: Database;
  log: Logger;
  /** Bytes */
  bodyLimit: number;
}

export function createApp({ database, log, bodyLimit }: AppParts): Koa {
  const movies = moviesRouter(database, bodyLimit);
  const app = new Koa();
  // What fails after the answer has begun: Koa has cut the connection, and the client knows that the list is incomplete.
  app.on('error', (error: NodeJS.ErrnoException, ctx: Koa.Context) => {
    if (error.code === 'ERR_STREAM_PREMATURE_CLOSE') return; // the client left; the access log says so
    log.error({ err: error, request_id: ctx.state.requestId }, 'answer broken off');
  });
  app.use(accessLog(log));
  app.use(problems(log));
  app.use(databaseProblems(log));
  app.use(movies.routes());
  app.use(movies.allowedMethods());
  return app;
}
