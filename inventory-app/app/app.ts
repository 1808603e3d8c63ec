import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import { accessLog, type Watch } from '@crud-master/plumbing/access-log';
import { besideApi } from '@crud-master/plumbing/beside-api';
import { addHealth, type Health } from '@crud-master/plumbing/health';
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
  health: Health;
  watch: Watch;
  log: Logger;
  /** Bytes */
  bodyLimit: number;
}

const CLIENT_LEFT = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET']);

export function createApp({ database, health, watch, log, bodyLimit }: AppParts): Koa {
  const movies = moviesRouter(database, bodyLimit);
  const probes = addHealth(new Router({ sensitive: true, methods: METHODS }), health);
  const app = new Koa();
  // What fails after the answer has begun: Koa has cut the connection, and the client knows that the list is incomplete.
  app.on('error', (error: NodeJS.ErrnoException, ctx: Koa.Context) => {
    if (CLIENT_LEFT.has(error.code ?? '')) return; // the access log says so
    log.error({ err: error, request_id: ctx.state.requestId }, 'answer broken off');
  });
  app.use(requestId());
  app.use(besideApi(probes.routes())); // before the access log: probes would fill it
  app.use(accessLog(log, watch));
  app.use(problems(log));
  app.use(databaseProblems(log));
  app.use(besideApi(probes.allowedMethods()));
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
