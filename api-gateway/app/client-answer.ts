import type { IncomingMessage, ServerResponse } from 'node:http';
import { noteProblem, PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';
import { besideOwn, type RawFields, responseHeaders } from './forwarded-headers.ts';
import type { InventoryProblem } from './inventory-problems.ts';
import type { Trace } from './tracing.ts';

/** A client with a request for inventory. */
export interface Client {
  req: IncomingMessage;
  res: ServerResponse;
  trace: Trace;
}

/** Passes an informational answer on. 100 was the gateway's own answer to `Expect`, and 101 never comes, as `Upgrade` is not forwarded. */
export function inform({ req, res }: Client, status: number, headers: NodeJS.Dict<string | string[]>): void {
  if (req.httpVersion !== '1.1') return;
  if (status === 102) res.writeProcessing();
  if (status === 103 && headers.link) res.writeEarlyHints(headers as Record<string, string | string[]>);
}

/** Passes on how inventory's answer begins. */
export function beginAnswer({ req, res, trace }: Client, status: number, reason: string, fields: RawFields): void {
  const hasBody = req.method !== 'HEAD' && status !== 204 && status !== 304;
  const headers = responseHeaders(fields, trace, hasBody && req.httpVersion === '1.1');
  res.sendDate = false;
  res.writeHead(status, reasonBytes(reason), besideOwn(headers, res));
}

/** The whole answer, as problem details. Nothing may have been sent before. */
export function answerProblem({ req, res, trace }: Client, { status, kind, detail }: InventoryProblem): void {
  const body = problemBody(status, { kind, detail });
  noteProblem(res, kind);
  res.sendDate = true;
  res.writeHead(status, {
    ...(status === 503 && { 'Retry-After': '1' }),
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': Buffer.byteLength(body),
    'X-Request-Id': trace.requestId,
  });
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** Cuts the connection. In HTTP/1.0 its end is the end of the answer: only a reset says that this one is not whole. */
export function cutOff({ req, res }: Client): void {
  if (req.httpVersion === '1.0') res.socket?.resetAndDestroy();
  else res.destroy();
}

/** undici reads the reason as UTF-8, and Node writes a character for each byte. */
const reasonBytes = (reason: string) => (/^[\x20-\x7e]*$/.test(reason) ? reason : Buffer.from(reason).toString('latin1'));
