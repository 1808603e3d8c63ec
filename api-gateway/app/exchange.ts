import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@crud-master/plumbing/log';
import { PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';
import type { Dispatcher } from 'undici';
import { besideOwn, fieldPairs, requestHeaders, responseHeaders } from './forwarded-headers.ts';
import type { Trace } from './tracing.ts';

export interface ExchangeOptions {
  inventory: Dispatcher;
  /** Milliseconds that inventory may keep the client waiting, for the head of the answer and for each part of it. */
  timeout: number;
  /** Bytes. */
  maxBody: number;
  log: Logger;
}

/** What undici hands to a handler beyond what its types say: the fields as they came. */
type Controller = Dispatcher.DispatchController & { rawHeaders: Buffer[]; rawTrailers: Buffer[] | null };

/** Errors after which a request that changes nothing is sent once more: the kept connection was closed meanwhile. */
const CONNECTION_LOST = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/**
 * Carries one request to inventory and its answer back, without reading either.
 *
 * It ends in one of these: inventory's answer, whole; a 4xx or 5xx of our own while nothing was sent to the client yet;
 * or a cut connection, so that a client never takes half an answer for a whole one.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** There from the moment when the request is written to inventory. */
  #controller: Controller | undefined;
  #over = false;
  /** While the client keeps us waiting for its body, inventory is not blamed. */
  #clientsTurn = false;
  #hasBody = false;
  #retried = false;
  readonly #waiting: NodeJS.Timeout;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #trace: Trace;
  readonly #options: ExchangeOptions;

  constructor(req: IncomingMessage, res: ServerResponse, trace: Trace, options: ExchangeOptions) {
    this.#req = req;
    this.#res = res;
    this.#trace = trace;
    this.#options = options;
    this.#waiting = setTimeout(() => this.#timedOut(), options.timeout);
  }

  start(): void {
    const { headers } = this.#req;
    const length = Number(headers['content-length'] ?? 0);
    this.#hasBody = length > 0 || headers['transfer-encoding'] !== undefined;
    this.#res.on('close', () => this.#clientClosed());
    if (length > this.#options.maxBody) this.#tooLarge();
    else this.#dispatch();
  }

  #dispatch(): void {
    const { method, url } = this.#req;
    this.#options.inventory.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path: url!,
        headers: requestHeaders(this.#req, this.#trace),
        body: (this.#hasBody ? this.#body() : null) as never, // undici takes any iterable, its types do not
        // undici asks to close the connection after a HEAD; inventory would do so while the body is still on its way, and
        // the reset would take the answer with it.
        ...(method === 'HEAD' && this.#hasBody && { reset: false }),
      },
      this,
    );
  }

  /**
   * The client's body. Ends by throwing when it is not whole, so that inventory never takes a part of it for all.
   * Not `req` itself: undici would destroy it, and the client's connection with it, on an early answer.
   */
  async *#body(): AsyncGenerator<Buffer> {
    const req = this.#req;
    let wake = () => {};
    const changed = () => wake();
    req.on('readable', changed).on('end', changed).on('close', changed);
    for (let bytes = 0; ; ) {
      const chunk: Buffer | null = req.read();
      if (chunk === null) {
        if (req.readableEnded) return;
        if (req.destroyed) throw new Error('the client is gone');
        this.#clientsTurn = true;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        this.#clientsTurn = false;
        if (this.#over) throw new Error('answered before the body was complete');
        this.#waiting.refresh();
        continue;
      }
      bytes += chunk.length;
      if (bytes > this.#options.maxBody) {
        this.#tooLarge();
        throw new Error('body too large');
      }
      yield chunk;
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller as Controller;
    if (this.#over) controller.abort(new Error('the client is gone'));
  }

  onResponseStart({ rawHeaders }: Controller, status: number, headers: Record<string, string | string[]>, reason?: string): void {
    if (this.#over) return;
    if (status < 200) {
      this.#inform(status, headers);
      return;
    }
    clearTimeout(this.#waiting);
    const { method, httpVersion } = this.#req;
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
    this.#res.sendDate = false;
    this.#res.writeHead(
      status,
      reasonBytes(reason ?? ''),
      besideOwn(responseHeaders(rawHeaders, this.#trace, hasBody && httpVersion === '1.1'), this.#res),
    );
  }

  /** 100 is Node's own answer to `Expect`, and 101 never comes, as `Upgrade` is not forwarded. */
  #inform(status: number, headers: Record<string, string | string[]>): void {
    if (this.#req.httpVersion !== '1.1') return;
    if (status === 102) this.#res.writeProcessing();
    if (status === 103 && headers.link) this.#res.writeEarlyHints(headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over || this.#res.write(chunk)) return;
    controller.pause();
    this.#res.once('drain', () => controller.resume()); // or never: the server cuts off who does not read
  }

  onResponseEnd({ rawTrailers }: Controller): void {
    if (this.#over) return;
    this.#finish();
    if (rawTrailers && rawTrailers.length > 0) this.#res.addTrailers(fieldPairs(rawTrailers));
    this.#res.end();
    this.#discardBody();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    if (this.#over) return;
    const { method } = this.#req;
    const { headersSent } = this.#res;
    const mayRepeat = (method === 'GET' || method === 'HEAD') && !this.#hasBody && !headersSent && !this.#retried;
    if (mayRepeat && CONNECTION_LOST.has(error.code ?? '')) {
      this.#retried = true;
      this.#controller = undefined;
      this.#dispatch();
      return;
    }
    this.#options.log.warn({ request_id: this.#trace.requestId, code: error.code, reason: error.message }, 'inventory failed');
    if (headersSent) {
      this.#cut();
    } else if (error.code === 'UND_ERR_INVALID_ARG') {
      this.#answer(400, 'bad-request', 'The request target or a header field holds characters that HTTP does not allow.');
    } else if (this.#controller) {
      this.#answer(
        502,
        'inventory-failed',
        'The inventory broke off in the middle of this request. See whether it took effect before you repeat it.',
      );
    } else {
      this.#answer(503, 'inventory-unreachable', 'The inventory cannot be reached at the moment. Try again in a second.', {
        'Retry-After': '1',
      });
    }
  }

  #timedOut(): void {
    if (this.#over || this.#clientsTurn) return;
    this.#answer(
      504,
      'inventory-timeout',
      `The inventory did not answer within ${this.#options.timeout} ms. See whether the request took effect before you repeat it.`,
    );
    this.#controller?.abort(new Error('timed out'));
  }

  #tooLarge(): void {
    this.#answer(413, 'body-too-large', `The body is larger than ${this.#options.maxBody} bytes.`);
  }

  #answer(status: number, kind: string, detail: string, headers: Record<string, string> = {}): void {
    this.#finish();
    const body = problemBody(status, { kind, detail });
    this.#res.sendDate = true;
    this.#res.writeHead(status, {
      ...headers,
      'Content-Type': PROBLEM_TYPE,
      'Content-Length': Buffer.byteLength(body),
      'X-Request-Id': this.#trace.requestId,
    });
    this.#res.end(this.#req.method === 'HEAD' ? undefined : body);
    this.#discardBody();
  }

  /** In HTTP/1.0 the end of the connection is the end of the answer: only a reset says that this one is not whole. */
  #cut(): void {
    this.#finish();
    if (this.#req.httpVersion === '1.0') this.#res.socket?.resetAndDestroy();
    else this.#res.destroy();
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#finish();
    this.#controller?.abort(new Error('the client is gone'));
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#waiting);
  }

  /**
   * Reads on what the client still sends after an early answer, so that the answer is not lost in a connection reset
   * (RFC 9112, section 9.6), but no more than a body may have.
   */
  #discardBody(): void {
    const req = this.#req;
    if (!this.#hasBody || req.readableEnded) return;
    let bytes = 0;
    req.removeAllListeners('readable'); // those of #body, which would keep the stream from flowing
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.#options.maxBody) req.destroy();
    });
    req.resume();
  }
}

/** undici reads the reason as UTF-8, and Node writes a character for each byte. */
const reasonBytes = (reason: string) => (/^[\x20-\x7e]*$/.test(reason) ? reason : Buffer.from(reason).toString('latin1'));
