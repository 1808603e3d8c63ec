import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import { accessLog } from '@crud-master/plumbing/access-log';
import { besideApi } from '@crud-master/plumbing/beside-api';
import { addHealth, Health } from '@crud-master/plumbing/health';
import type { Logger } from '@crud-master/plumbing/log';
import { problems } from '@crud-master/plumbing/problem';
import { givenRequestId } from '@crud-master/plumbing/request-id';
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { Database } from './database.ts';
import { databaseProblems } from './database-problems.ts';
import { moviesRouter } from './movies.ts';

interface AppParts {
  database: Database;
  log: Logger;
  /** Bytes */
  bodyLimit: number;
}

/** Milliseconds: less than the gateway waits for the answer, which is to be that it is the database. */
const DATABASE_LIMIT = 700;

const CLIENT_LEFT = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET']);

export function createApp({ database, log, bodyLimit }: AppParts): Koa {
  const movies = moviesRouter(database, bodyLimit);
  const health = addHealth(
    new Router({ sensitive: true, methods: METHODS }),
    new Health([{ name: 'database', check: () => database.check(), limit: DATABASE_LIMIT }]),
  );
  const app = new Koa();
  // What fails after the answer has begun: Koa has cut the connection, and the client knows that the list is incomplete.
  app.on('error', (error: NodeJS.ErrnoException, ctx: Koa.Context) => {
    if (CLIENT_LEFT.has(error.code ?? '')) return; // the access log says so
    log.error({ err: error, request_id: ctx.state.requestId }, 'answer broken off');
  });
  app.use(requestId());
  app.use(besideApi(health.routes())); // before the access log: probes would fill it
  app.use(accessLog(log));
  app.use(problems(log));
  app.use(databaseProblems(log));
  app.use(besideApi(health.allowedMethods()));
  app.use(movies.routes());
  app.use(movies.allowedMethods());
  return app;
}

/** The gateway names the request; one that did not come through it gets a name here. */
function requestId(): Middleware {
  return (ctx, next) => {
    ctx.state.requestId = givenRequestId(ctx.req.headers) ?? randomUUID();
    return next();
  };
}
