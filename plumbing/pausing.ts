import type { Socket } from 'node:net';

/**
 * Stops reading from the socket of an HTTP server for as long as that is wanted. Node starts to read again when a
 * 'resume' is emitted, also one from before the pause: so we pause when none can be on its way, and once more when
 * `start` is called although the socket believes that it is paused.
 */
export class Pausing {
  readonly #socket: Socket;
  readonly #isWanted: () => boolean;
  #scheduled = false;

  constructor(socket: Socket, isWanted: () => boolean) {
    this.#socket = socket;
    this.#isWanted = isWanted;
  }

  start(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#pause());
  }

  #pause(): void {
    this.#scheduled = false;
    if (!this.#isWanted()) return;
    if (!this.#socket.isPaused()) {
      this.#socket.pause();
      return;
    }
    this.#socket.resume();
    this.start();
  }
}
