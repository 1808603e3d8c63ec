import type { Logger } from '@crud-master/plumbing/log';
import type { Span } from '@crud-master/plumbing/spans';
import type { Dispatcher } from 'undici';
import { answerProblem, beginAnswer, type Client, cutOff, inform } from './client-answer.ts';
import { ClientBody } from './client-body.ts';
import { fieldPairs, type RawFields, requestHeaders } from './forwarded-headers.ts';
import { failureProblem, type InventoryProblem, inventoryProblems } from './inventory-problems.ts';
import type { StartInventorySpan } from './inventory-span.ts';

export interface ExchangeOptions {
  inventory: Dispatcher;
  /** Milliseconds that inventory may keep the client waiting, for the head of the answer and for each part of it. */
  timeout: number;
  /** Bytes. */
  bodyLimit: number;
  log: Logger;
  startSpan: StartInventorySpan;
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
  /** When the request was written to inventory, and when its answer was whole, or given up (`performance.now()`); else 0. */
  #asked = 0;
  #answered = 0;
  /** Of the attempt that is under way, where the trace is sampled. */
  #span: Span | undefined;
  readonly #clock: NodeJS.Timeout;
  readonly #body: ClientBody;
  readonly #client: Client;
  readonly #options: ExchangeOptions;

  constructor(client: Client, options: ExchangeOptions) {
    this.#client = client;
    this.#options = options;
    this.#body = new ClientBody(client.req, options.bodyLimit, this);
    client.res.on('close', () => this.#clientClosed());
    this.#clock = setTimeout(() => this.#timedOut(), options.timeout);
  }

  start(): void {
    if (this.#body.announced > this.#options.bodyLimit) this.tooLarge();
    else this.#dispatch();
  }

  #dispatch(): void {
    const { req, trace } = this.#client;
    if (trace.span) this.#span = this.#options.startSpan(trace.span, req.method!, req.url!, this.#repeated);
    this.#options.inventory.dispatch(
      {
        method: req.method as Dispatcher.HttpMethod,
        path: req.url!,
        headers: requestHeaders(req, trace, this.#span?.traceparent),
        body: (this.#body.exists ? this.#body.chunks() : null) as never, // undici takes any iterable (its docs), its types do not
        // undici asks to close the connection after a HEAD; inventory would do so while the body is still on its way, and
        // the reset would take the answer with it.
        ...(req.method === 'HEAD' && this.#body.exists && { reset: false }),
      },
      this,
    );
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    this.#asked ||= performance.now();
    if (this.#over) controller.abort(new Error('the client is gone'));
  }

  onResponseStart(controller: Controller, status: number, headers: NodeJS.Dict<string | string[]>, reason = ''): void {
    if (this.#over) return;
    if (status < 200) return void inform(this.#client, status, headers);
    this.#span?.set({ 'http.response.status_code': status });
    clearTimeout(this.#clock); // from here on the pool's `bodyTimeout` counts
    beginAnswer(this.#client, status, reason, controller.rawHeaders as RawFields);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    const { res } = this.#client;
    if (this.#over || res.write(chunk)) return;
    controller.pause();
    res.once('drain', () => controller.resume()); // or never: the server cuts off who does not read
  }

  onResponseEnd({ rawTrailers }: Controller): void {
    if (this.#over) return;
    const { res } = this.#client;
    this.#finish(res.statusCode < 400 ? undefined : String(res.statusCode));
    if (rawTrailers?.length) res.addTrailers(fieldPairs(rawTrailers as RawFields));
    res.end();
    this.#body.discard();
  }

  onResponseError(_controller: Controller, error: Error & { code?: string }): void {
    if (this.#over) return;
    if (this.#mayRepeat(error)) {
      this.#repeated = true;
      this.#span?.end(error.code);
      this.#controller = undefined;
      this.#dispatch();
      return;
    }
    const { res, trace } = this.#client;
    this.#options.log.warn(
      { request_id: trace.requestId, trace_id: trace.traceId, code: error.code, reason: error.message },
      'inventory failed',
    );
    if (!res.headersSent) return void this.#refuse(failureProblem(error.code, this.#controller !== undefined));
    this.#finish(error.code ?? 'cut-off');
    cutOff(this.#client);
  }

  #mayRepeat({ code = '' }: { code?: string }): boolean {
    const { req, res } = this.#client;
    const changesNothing = (req.method === 'GET' || req.method === 'HEAD') && !this.#body.exists;
    return changesNothing && !res.headersSent && !this.#repeated && CONNECTION_LOST.has(code);
  }

  /** While the client kept us waiting for its body, inventory is not to blame. */
  resumed(): void {
    if (!this.#over) this.#clock.refresh();
  }

  #timedOut(): void {
    if (this.#over || this.#body.isAwaited) return;
    this.#refuse(inventoryProblems.silent(this.#options.timeout));
    this.#controller?.abort(new Error('timed out'));
  }

  tooLarge(): void {
    this.#refuse(inventoryProblems.tooLarge(this.#options.bodyLimit));
  }

  #refuse(problem: InventoryProblem): void {
    this.#finish(problem.kind);
    answerProblem(this.#client, problem);
    this.#body.discard();
  }

  #clientClosed(): void {
    if (this.#over) return;
    this.#finish('client-gone');
    this.#controller?.abort(new Error('the client is gone'));
  }

  /** Milliseconds that inventory took; undefined when it was not asked. */
  get wait(): number | undefined {
    return this.#asked > 0 ? this.#answered - this.#asked : undefined;
  }

  #finish(error?: string): void {
    this.#over = true;
    this.#answered = performance.now();
    clearTimeout(this.#clock);
    this.#span?.end(error);
  }
}
