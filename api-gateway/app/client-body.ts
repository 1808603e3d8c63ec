import type { IncomingMessage } from 'node:http';

interface Owner {
  /** The client, which had kept us waiting, sent more. */
  resumed(): void;
  tooLarge(): void;
}

/** The body of a client's request, of at most `limit` bytes, on its way to inventory. */
export class ClientBody {
  /** Bytes that it will have by its `Content-Length`; 0 without one. */
  readonly announced: number;
  /** Whether there is one (RFC 9112, section 6.3). */
  readonly exists: boolean;
  /** Whether the client keeps us waiting for more of it. */
  isAwaited = false;
  #unwanted = false;
  readonly #req: IncomingMessage;
  readonly #limit: number;
  readonly #owner: Owner;

  constructor(req: IncomingMessage, limit: number, owner: Owner) {
    this.announced = Number(req.headers['content-length'] ?? 0);
    this.exists = this.announced > 0 || req.headers['transfer-encoding'] !== undefined;
    this.#req = req;
    this.#limit = limit;
    this.#owner = owner;
  }

  /**
   * Ends by throwing when the body is not whole, so that inventory never takes a part of it for all.
   * Not `req` itself: undici would destroy it, and the client's connection with it, on an early answer.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    const req = this.#req;
    let wake = () => {};
    const changed = () => wake();
    req.on('readable', changed).on('end', changed).on('close', changed);
    for (let bytes = 0; ; ) {
      const chunk: Buffer | null = req.read();
      if (chunk) {
        bytes += chunk.length;
        if (bytes > this.#limit) {
          this.#owner.tooLarge();
          throw new Error('body too large');
        }
        yield chunk;
        continue;
      }
      if (req.readableEnded) return;
      if (req.destroyed) throw new Error('the client is gone');
      this.isAwaited = true;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      this.isAwaited = false;
      if (this.#unwanted) throw new Error('answered before the body was complete');
      this.#owner.resumed();
    }
  }

  /**
   * Reads on what the client still sends after an early answer, so that the answer is not lost in a connection reset
   * (RFC 9112, section 9.6), but no more than a body may have.
   */
  discard(): void {
    this.#unwanted = true;
    const req = this.#req;
    if (!this.exists || req.readableEnded) return;
    let bytes = 0;
    req.removeAllListeners('readable'); // those of `chunks`, which would keep the stream from flowing
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.#limit) req.destroy();
    });
    req.resume();
  }
}
