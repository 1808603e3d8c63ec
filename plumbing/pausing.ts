import type { Socket } from 'node:net';

/**
 * Stops reading from the socket of an HTTP server for as long as that is wanted.
 *
 * Node's server reads again when the socket emits 'resume', and it emits that a moment after `resume()`, so perhaps after our
 * `pause()`. So we pause in a moment of our own, when no 'resume' can follow. When more requests come although the socket says
 * that it is paused, it is not: then we resume it and pause it once more.
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
