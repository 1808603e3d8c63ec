import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@crud-master/plumbing/log';
import { PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';
import type { Dispatcher } from 'undici';
import { requestHeaders, responseHeaders } from './forwarded-headers.ts';
import type { Trace } from './tracing.ts';

export interface ExchangeOptions {
  inventory: Dispatcher;
  /** Milliseconds that inventory may keep the client waiting, for the head of the answer and for each part of it. */
  timeout: number;
  /** Milliseconds that a client may leave an answer unread before it is cut off. */
  idleReaderTimeout: number;
  /** Bytes. */
  maxBody: number;
  log: Logger;
}

/** Connection errors after which a request that changes nothing is sent once more: the kept connection was closed meanwhile. */
const CONNECTION_LOST = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/**
 * Carries one request to inventory and its answer back, without reading either.
 *
 * It ends in one of these: inventory's answer, whole; a 4xx or 5xx of our own while nothing was sent to the client yet;
 * or a cut connection, so that a client never takes half an answer for a whole one.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;
  /** While the client keeps us waiting for its body, inventory is not blamed. */
  #clientsTurn = false;
  #hasBody = false;
  #retried = false;
  readonly #waiting: NodeJS.Timeout;
  #reading: NodeJS.Timeout | undefined;
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

  /** Throws a problem when the request cannot be forwarded as it is. */
  start(): void {
    const { method = 'GET', url = '/' } = this.#req;
    const length = this.#req.headers['content-length'];
    this.#hasBody = (length !== undefined && Number(length) > 0) || this.#req.headers['transfer-encoding'] !== undefined;
    this.#res.on('close', () => this.#clientClosed());
    try {
      const headers = requestHeaders(this.#req, this.#trace);
      if (length !== undefined && Number(length) > this.#options.maxBody) this.#tooLarge();
      else this.#dispatch(method as Dispatcher.HttpMethod, url, headers);
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  #dispatch(method: Dispatcher.HttpMethod, path: string, headers: string[]): void {
    const body = this.#hasBody ? this.#body() : null;
    this.#options.inventory.dispatch({ method, path, headers, body: body as never }, this);
  }

  /** The client's body. Ends by throwing when it is not whole, so that inventory never takes a part of it for all. */
  async *#body(): AsyncGenerator<Buffer> {
    const chunks = this.#req.iterator({ destroyOnReturn: false });
    for (let bytes = 0; ; ) {
      this.#clientsTurn = true;
      const { done, value } = await chunks.next();
      this.#clientsTurn = false;
      if (this.#over) throw new Error('answered before the body was complete');
      this.#waiting.refresh();
      if (done) return;
      bytes += value.length;
      if (bytes > this.#options.maxBody) {
        this.#tooLarge();
        throw new Error('body too large');
      }
      yield value;
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    if (status < 200 || this.#over) return;
    clearTimeout(this.#waiting);
    this.#res.sendDate = false;
    const raw = (controller as unknown as { rawHeaders: Buffer[] }).rawHeaders;
    this.#res.writeHead(status, reason ?? '', responseHeaders(raw, this.#trace));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over || this.#res.write(chunk)) return;
    controller.pause();
    this.#reading = setTimeout(() => {
      this.#options.log.info({ request_id: this.#trace.requestId }, 'client stopped reading, cut off');
      this.#res.destroy();
    }, this.#options.idleReaderTimeout);
    this.#res.once('drain', () => {
      clearTimeout(this.#reading);
      controller.resume();
    });
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: Record<string, string | string[]>): void {
    if (this.#over) return;
    this.#finish();
    if (Object.keys(trailers).length > 0) this.#res.addTrailers(trailers as Record<string, string>);
    this.#res.end();
    this.#discardBody();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error & { code?: string }): void {
    if (this.#over) return;
    const { method, url = '/' } = this.#req;
    const mayRepeat = (method === 'GET' || method === 'HEAD') && !this.#hasBody && !this.#res.headersSent;
    if (mayRepeat && !this.#retried && CONNECTION_LOST.has(error.code ?? '')) {
      this.#retried = true;
      this.#dispatch(method, url, requestHeaders(this.#req, this.#trace));
      return;
    }
    this.#options.log.warn({ request_id: this.#trace.requestId, code: error.code, reason: error.message }, 'inventory failed');
    if (this.#res.headersSent) {
      this.#finish();
      this.#res.destroy();
    } else if (error.code === 'UND_ERR_CONNECT_TIMEOUT' || error.code === 'ETIMEDOUT') {
      this.#timedOut();
    } else if (error.code === 'UND_ERR_INVALID_ARG') {
      this.#answer(400, 'bad-request', 'The request target or a header field holds characters that HTTP does not allow.');
    } else if (CONNECTION_LOST.has(error.code ?? '') || error.code?.startsWith('HPE_')) {
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
    this.#res.writeHead(status, {
      ...headers,
      'Content-Type': PROBLEM_TYPE,
      'Content-Length': Buffer.byteLength(body),
      'X-Request-Id': this.#trace.requestId,
    });
    this.#res.end(this.#req.method === 'HEAD' ? undefined : body);
    this.#discardBody();
  }

  #clientClosed(): void {
    clearTimeout(this.#reading);
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
    if (this.#req.complete) return;
    let bytes = 0;
    this.#req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.#options.maxBody) this.#req.destroy();
    });
    this.#req.resume();
  }
}
