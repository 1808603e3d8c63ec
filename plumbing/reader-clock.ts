import type { Socket } from 'node:net';

/** Knows for how long a client has left an answer unread, whoever wrote it. Costs a request nothing: it only looks. */
export class ReaderClock {
  readonly #socket: Socket;
  /** The bytes that had left, and since when (`performance.now()`) no more do; 0 when none wait. */
  #left = 0;
  #since = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether an answer has waited for that many milliseconds; to be asked again and again. */
  isStalled(milliseconds: number): boolean {
    const { bytesWritten, writableLength } = this.#socket;
    const now = performance.now();
    const left = bytesWritten - writableLength;
    if (writableLength === 0 || left !== this.#left || this.#since === 0) {
      this.#left = left;
      this.#since = writableLength === 0 ? 0 : now;
      return false;
    }
    return now - this.#since >= milliseconds;
  }
}
