import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';
import { besideOwn, fieldPairs, type RawFields, responseHeaders } from './forwarded-headers.ts';
import type { Trace } from './tracing.ts';

/** What the client gets: inventory's answer as it came, or one of our own. */
export class ClientAnswer {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #trace: Trace;

  constructor(req: IncomingMessage, res: ServerResponse, trace: Trace) {
    this.#req = req;
    this.#res = res;
    this.#trace = trace;
  }

  get hasBegun(): boolean {
    return this.#res.headersSent;
  }

  /** An informational answer. 100 is Node's own answer to `Expect`, and 101 never comes, as `Upgrade` is not forwarded. */
  inform(status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.#req.httpVersion !== '1.1') return;
    if (status === 102) this.#res.writeProcessing();
    if (status === 103 && headers.link) this.#res.writeEarlyHints(headers as Record<string, string | string[]>);
  }

  begin(status: number, reason: string, fields: RawFields): void {
    const { method, httpVersion } = this.#req;
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
    const headers = responseHeaders(fields, this.#trace, hasBody && httpVersion === '1.1');
    this.#res.sendDate = false;
    this.#res.writeHead(status, reasonBytes(reason), besideOwn(headers, this.#res));
  }

  /** False when the client is slow: then `drained` is called once it has read what there is. */
  write(chunk: Buffer, drained: () => void): boolean {
    if (this.#res.write(chunk)) return true;
    this.#res.once('drain', drained); // or never: the server cuts off who does not read
    return false;
  }

  end(trailers: RawFields): void {
    if (trailers.length > 0) this.#res.addTrailers(fieldPairs(trailers));
    this.#res.end();
  }

  /** The whole answer, as problem details. Nothing may have been sent before. */
  problem(status: number, kind: string, detail: string): void {
    const body = problemBody(status, { kind, detail });
    this.#res.sendDate = true;
    this.#res.writeHead(status, {
      ...(status === 503 && { 'Retry-After': '1' }),
      'Content-Type': PROBLEM_TYPE,
      'Content-Length': Buffer.byteLength(body),
      'X-Request-Id': this.#trace.requestId,
    });
    this.#res.end(this.#req.method === 'HEAD' ? undefined : body);
  }

  /** Cuts the connection. In HTTP/1.0 its end is the end of the answer: only a reset says that this one is not whole. */
  cut(): void {
    if (this.#req.httpVersion === '1.0') this.#res.socket?.resetAndDestroy();
    else this.#res.destroy();
  }
}

/** undici reads the reason as UTF-8, and Node writes a character for each byte. */
const reasonBytes = (reason: string) => (/^[\x20-\x7e]*$/.test(reason) ? reason : Buffer.from(reason).toString('latin1'));
