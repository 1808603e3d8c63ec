import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Pausing } from './pausing.ts';
import { ReaderClock } from './reader-clock.ts';
import type { Refusal } from './refusal.ts';

interface Turn {
  req: IncomingMessage;
  res: ServerResponse;
  /** The client waits for 100 before it sends the body. */
  expects: boolean;
}

/** What all connections of a server share. */
export interface Rules {
  /** Answers a request. */
  serve(turn: Turn): void;
  /** Why a request is refused before the app sees it. */
  refusal(turn: Turn): Refusal | undefined;
  refuse(socket: Socket, refusal: Refusal): void;
  /** Requests of all connections that wait for their turn, and how many may. */
  waiting: number;
  maxWaiting: number;
  /** While true no request gets its turn. */
  held: boolean;
  /** Whether answers tell the clients that the connection ends. */
  ending: boolean;
}

/** Requests that may wait on a connection before it is read no further. */
const PAUSE = 8;

/**
 * One connection, whose requests take effect one after the other: RFC 9112, section 9.3.2, lets only safe methods run
 * side by side, and so one client holds one place however much it sends ahead.
 */
export class Connection {
  readonly socket: Socket;
  readonly #rules: Rules;
  readonly #pausing: Pausing;
  readonly reader: ReaderClock;
  #waiting: Turn[] = [];
  #current: Turn | undefined;
  #failure: Refusal | undefined;
  #over = false;
  /** Milliseconds of `performance.now()` since when there is no request, and the bytes that had been read then. */
  #idleSince = performance.now();
  #bytesRead = 0;

  constructor(socket: Socket, rules: Rules) {
    this.socket = socket;
    this.#rules = rules;
    this.reader = new ReaderClock(socket);
    this.#pausing = new Pausing(socket, () => this.#waiting.length >= PAUSE);
    socket.once('close', () => this.#drop());
  }

  add(turn: Turn): void {
    if (this.#over) return;
    if (!this.#current && !this.#rules.held) return void this.#begin(turn);
    this.#waiting.push(turn);
    this.#rules.waiting++;
    if (this.#rules.waiting > this.#rules.maxWaiting) this.socket.destroy();
    else if (this.#waiting.length >= PAUSE) this.#pausing.start();
  }

  /** Refuses what came last. What came before, and was good, is answered first. */
  fail(refusal: Refusal): void {
    if (this.#over) return;
    this.#failure ??= refusal;
    if (this.#current?.req.complete === false)
      this.#refuse(); // it is its body that is wrong
    else if (!this.#current && !this.#rules.held) this.#next();
  }

  /** Goes on after `held`. */
  resume(): void {
    if (!this.#current) this.#next();
  }

  /** The answer under way says that it is the last, if it has not begun. */
  announceEnd(): void {
    if (this.#current && !this.#current.res.headersSent) this.#current.res.shouldKeepAlive = false;
  }

  /** Whether nothing was asked for that many milliseconds. */
  isIdle(milliseconds: number): boolean {
    if (this.#current || this.#waiting.length > 0) return false;
    const { bytesRead } = this.socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#idleSince = performance.now();
    }
    return performance.now() - this.#idleSince >= milliseconds;
  }

  #begin(turn: Turn): void {
    // The client is gone, or was told that the answer before this one is the last.
    if (!this.socket.writable || turn.res.destroyed) {
      this.#drop();
      return;
    }
    // What failed after this request is told in its own turn; a request that is not whole is what failed.
    const failure = (turn.req.complete ? undefined : this.#failure) ?? this.#rules.refusal(turn);
    if (failure) {
      this.#failure = failure;
      this.#refuse();
      return;
    }
    this.#current = turn;
    if (this.#rules.ending) turn.res.shouldKeepAlive = false;
    this.#rules.serve(turn);
    turn.res.once('close', this.#ended); // after the app's own listeners: its place is given back before the next takes one
  }

  readonly #ended = (): void => {
    this.#current = undefined;
    this.#idleSince = performance.now();
    this.#bytesRead = this.socket.bytesRead;
    if (!this.#rules.held) this.#next();
  };

  #next(): void {
    if (this.#over) return;
    const turn = this.#waiting.shift();
    if (turn) {
      this.#rules.waiting--;
      if (this.#waiting.length === PAUSE - 1) this.socket.resume();
      this.#begin(turn);
    } else if (this.#failure) {
      this.#refuse();
    }
  }

  #refuse(): void {
    const begun = this.#current?.res.headersSent;
    this.#drop();
    if (begun)
      this.socket.destroy(); // in the middle of an answer, another one would be taken for a part of it
    else this.#rules.refuse(this.socket, this.#failure!);
  }

  #drop(): void {
    this.#over = true;
    this.#rules.waiting -= this.#waiting.length;
    this.#waiting = [];
  }
}
