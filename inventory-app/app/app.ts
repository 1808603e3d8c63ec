import { randomUUID } from 'node:crypto';
import { METHODS } from 'node:http';
import { accessLog, type Watch } from '@crud-master/plumbing/access-log';
import { besideApi } from '@crud-master/plumbing/beside-api';
import { addHealth, type Health } from '@crud-master/plumbing/health';
import type { Logger } from '@crud-master/plumbing/log';
import { brokenAnswers, problems } from '@crud-master/plumbing/problem';
import { givenRequestId } from '@crud-master/plumbing/request-id';
import { traceAnswer } from '@crud-master/plumbing/server-span';
import type { Spans } from '@crud-master/plumbing/spans';
import { parseTraceparent } from '@crud-master/plumbing/trace-context';
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
  /** Undefined without tracing. */
  spans?: Spans | undefined;
}

export function createApp({ database, health, watch, log, bodyLimit, spans }: AppParts): Koa {
  const movies = moviesRouter(database, bodyLimit);
  const probes = addHealth(new Router({ sensitive: true, methods: METHODS }), health);
  const app = new Koa();
  app.on('error', brokenAnswers(log));
  app.use(tracing(spans));
  app.use(besideApi(probes.routes())); // before the access log: probes would fill it
  app.use(accessLog(log, watch));
  app.use(problems(log));
  app.use(databaseProblems(log));
  app.use(besideApi(probes.allowedMethods()));
  app.use(movies.routes());
  app.use(movies.allowedMethods());
  return app;
}

/**
 * The gateway names the request; one that did not come through it gets a name here. `ctx.state.traceId` is the id of its trace
 * where that is another, `ctx.state.span` its span where it is sampled.
 */
function tracing(spans: Spans | undefined): Middleware {
  return (ctx, next) => {
    const given = ctx.req.headers;
    const parent = parseTraceparent(given.traceparent);
    const begun = spans && ctx.req.url!.startsWith('/api/') ? spans.begin('server', 'request', parent) : undefined;
    const traceId = begun?.traceId ?? parent?.traceId;
    const requestId = givenRequestId(given) ?? traceId ?? randomUUID();
    ctx.state.requestId = requestId;
    if (traceId !== requestId) ctx.state.traceId = traceId;
    if (begun?.span) traceAnswer(begun.span, ctx, ({ _matchedRoute }) => _matchedRoute);
    ctx.state.span = begun?.span;
    return next();
  };
}
