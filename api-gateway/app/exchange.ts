import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@crud-master/plumbing/log';
import type { Dispatcher } from 'undici';
import { ClientAnswer } from './client-answer.ts';
import { ClientBody } from './client-body.ts';
import { type RawFields, requestHeaders } from './forwarded-headers.ts';
import type { Trace } from './tracing.ts';

export interface ExchangeOptions {
  inventory: Dispatcher;
  /** Milliseconds that inventory may keep the client waiting, for the head of the answer and for each part of it. */
  timeout: number;
  /** Bytes. */
  maxBody: number;
  log: Logger;
}

type Controller = Dispatcher.DispatchController;

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
  #repeated = false;
  readonly #clock: NodeJS.Timeout;
  readonly #body: ClientBody;
  readonly #answer: ClientAnswer;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #trace: Trace;
  readonly #options: ExchangeOptions;

  constructor(req: IncomingMessage, res: ServerResponse, trace: Trace, options: ExchangeOptions) {
    this.#req = req;
    this.#res = res;
    this.#trace = trace;
    this.#options = options;
    this.#answer = new ClientAnswer(req, res, trace);
    this.#body = new ClientBody(req, options.maxBody, this);
    this.#clock = setTimeout(() => this.#timedOut(), options.timeout);
  }

  start(): void {
    this.#res.on('close', () => this.#clientClosed());
    if (this.#body.announced > this.#options.maxBody) this.tooLarge();
    else this.#dispatch();
  }

  #dispatch(): void {
    const { method, url } = this.#req;
    const { exists } = this.#body;
    this.#options.inventory.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path: url!,
        headers: requestHeaders(this.#req, this.#trace),
        body: (exists ? this.#body.chunks() : null) as never, // undici takes any iterable (its docs), its types do not
        // undici asks to close the connection after a HEAD; inventory would do so while the body is still on its way, and
        // the reset would take the answer with it.
        ...(method === 'HEAD' && exists && { reset: false }),
      },
      this,
    );
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(controller: Controller, status: number, headers: Parameters<ClientAnswer['inform']>[1], reason = ''): void {
    if (this.#over) return;
    if (status < 200) {
      this.#answer.inform(status, headers);
      return;
    }
    clearTimeout(this.#clock); // from here on the pool's `bodyTimeout` counts
    this.#answer.begin(status, reason, controller.rawHeaders as RawFields);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#over || this.#answer.write(chunk, () => controller.resume())) return;
    controller.pause();
  }

  onResponseEnd({ rawTrailers }: Controller): void {
    if (this.#over) return;
    this.#finish();
    this.#answer.end((rawTrailers ?? []) as RawFields);
    this.#body.discard();
  }

  onResponseError(_controller: Controller, error: Error & { code?: string }): void {
    if (this.#over) return;
    if (this.#mayRepeat(error)) {
      this.#repeated = true;
      this.#controller = undefined;
      this.#dispatch();
      return;
    }
    this.#options.log.warn({ request_id: this.#trace.requestId, code: error.code, reason: error.message }, 'inventory failed');
    if (this.#answer.hasBegun) {
      this.#finish();
      this.#answer.cut();
    } else if (error.code === 'UND_ERR_INVALID_ARG') {
      this.#refuse(400, 'bad-request', 'The request target or a header field holds characters that HTTP does not allow.');
    } else if (this.#controller) {
      this.#refuse(
        502,
        'inventory-failed',
        'The inventory broke off in the middle of this request. See whether it took effect before you repeat it.',
      );
    } else {
      this.#refuse(503, 'inventory-unreachable', 'The inventory cannot be reached at the moment. Try again in a second.');
    }
  }

  #mayRepeat({ code = '' }: { code?: string }): boolean {
    const changesNothing = (this.#req.method === 'GET' || this.#req.method === 'HEAD') && !this.#body.exists;
    return changesNothing && !this.#answer.hasBegun && !this.#repeated && CONNECTION_LOST.has(code);
  }

  /** While the client kept us waiting for its body, inventory is not to blame. */
  resumed(): void {
    if (!this.#over) this.#clock.refresh();
  }

  #timedOut(): void {
    if (this.#over || this.#body.isAwaited) return;
    this.#refuse(
      504,
      'inventory-timeout',
      `The inventory did not answer within ${this.#options.timeout} ms. See whether the request took effect before you repeat it.`,
    );
    this.#controller?.abort(new Error('timed out'));
  }

  tooLarge(): void {
    this.#refuse(413, 'body-too-large', `The body is larger than ${this.#options.maxBody} bytes.`);
  }

  #refuse(status: number, kind: string, detail: string): void {
    this.#finish();
    this.#answer.problem(status, kind, detail);
    this.#body.discard();
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#finish();
    this.#controller?.abort(new Error('the client is gone'));
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#clock);
  }
}
