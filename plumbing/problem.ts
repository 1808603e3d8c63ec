import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Context, Middleware } from 'koa';
import type { Logger } from './log.ts';

interface ProblemDetails {
  /** What happened, which value, and what to do: shown to the client as it is. */
  detail: string;
  /** Last part of the problem's `type` URI; without one the type is `about:blank` (RFC 9457, section 4.2.1). */
  kind?: string;
  /** Every field that is wrong, together. */
  errors?: { field: string; detail: string }[];
  headers?: Record<string, string>;
}

/** An error for `throw` that the client gets as RFC 9457 problem details. */
export function problem(status: number, details: ProblemDetails): Error {
  return Object.assign(new Error(details.detail), { status, expose: status !== 500, problem: details });
}

/** The body of an answer with that problem. */
export function problemBody(status: number, { kind, detail, errors }: ProblemDetails): string {
  return JSON.stringify({
    type: kind ? `urn:crud-master:problem:${kind}` : 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    ...(errors && { errors }),
  });
}

const kinds = new WeakMap<ServerResponse, string>();

/** Remembers of which kind the problem is that this answer tells. */
export const noteProblem = (res: ServerResponse, kind: string): unknown => kinds.set(res, kind);

/** The kind of the problem that this answer told, where it has one. */
export const problemOf = (res: ServerResponse): string | undefined => kinds.get(res);

export const PROBLEM_TYPE = 'application/problem+json';

/** Answers with problem details; `detail` is all that the client learns. */
export function answerProblem(ctx: Context, status: number, details: ProblemDetails): void {
  ctx.status = status;
  if (details.kind) noteProblem(ctx.res, details.kind);
  if (details.headers) ctx.set(details.headers);
  ctx.body = problemBody(status, details);
  ctx.set('Content-Type', PROBLEM_TYPE);
  if (ctx.state.requestId) ctx.set('X-Request-Id', ctx.state.requestId);
}

/**
 * The one place where errors become answers, and where an empty 404, 405 or 501 gets its problem details.
 * Only errors that say `expose` tell the client their message; everything else is logged and answered 500.
 */
export function problems(log: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = thrown as Error & { status?: number; expose?: boolean; problem?: ProblemDetails };
      if (error.expose && error.status) {
        answerProblem(ctx, error.status, error.problem ?? { detail: error.message });
      } else {
        log.error({ err: error, request_id: ctx.state.requestId, trace_id: ctx.state.traceId }, 'request failed');
        answerProblem(ctx, 500, {
          detail: 'The request could not be completed because of an error on our side. Try again later.',
        });
      }
      return;
    }
    if (ctx.respond === false || ctx.body || ctx.headerSent) return;
    if (ctx.status === 404) answerProblem(ctx, 404, { detail: `There is nothing at ${ctx.path}.` });
    else if (ctx.status === 405)
      answerProblem(ctx, 405, { detail: `${ctx.method} is not possible here. Possible: ${ctx.response.get('Allow')}.` });
    else if (ctx.status === 501) answerProblem(ctx, 501, { detail: `The method ${ctx.method} is not known here.` });
  };
}

/** How Node names it when a client ends its connection before it has its answer. */
const CLIENT_LEFT = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET']);

/** For Koa's `error`: what fails after the answer has begun. Koa has cut the connection, and the client knows that it is incomplete. */
export function brokenAnswers(log: Logger) {
  return (error: NodeJS.ErrnoException, ctx: Context): void => {
    if (CLIENT_LEFT.has(error.code ?? '')) return; // the access log says so, of all but probes
    log.error({ err: error, request_id: ctx.state.requestId, trace_id: ctx.state.traceId }, 'answer broken off');
  };
}
