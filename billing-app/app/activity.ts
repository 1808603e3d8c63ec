import { EventEmitter } from 'node:events';
import type { Decision } from './batch.ts';
import type { Letter } from './dead-letter.ts';

/** What billing keeps of the newest dead letters. */
export interface ParkedMessage {
  at: string;
  message_id: string;
  kind: string;
  reason: string;
}

interface Stored {
  /** Orders of the batch, whatever became of them. */
  orders: number;
  /** From the batch that was read until its outcomes were known. */
  seconds: number;
  done: Decision['done'];
}

/** Dead letters that are remembered one by one. */
const NEWEST = 10;

/** Milliseconds without any outcome after which it is no longer work: every attempt has a limit far below. */
const LONGEST = 60_000;

/** What billing does, as its consumer tells it: for its health, its metrics and the live page. */
export class Activity extends EventEmitter<{ stored: [Stored] }> {
  /** Why nothing is consumed, or nothing. */
  broker: string | undefined = 'is not connected yet';
  /** Orders cannot be stored at the moment. */
  databaseAway = false;
  /** Dead letters cannot be written at the moment. */
  lettersStuck = false;
  readonly counts: Record<'stored' | 'known', number> = { stored: 0, known: 0 };
  readonly parked: Record<string, number> = {};
  /** The newest first. */
  readonly newest: ParkedMessage[] = [];
  #inHand = () => 0;
  #storing = false;
  #lastOutcome = performance.now();

  consuming(inHand: () => number): void {
    this.#outcome();
    this.broker = undefined;
    this.#inHand = inHand;
  }

  /** The session is gone, or the attempt to have one has failed. */
  notConsuming(reason: string): void {
    this.#outcome();
    this.broker = reason;
    this.#inHand = () => 0;
  }

  /** An attempt to store orders has begun, or has ended. */
  storing(begun: boolean): void {
    this.#outcome();
    this.#storing = begun;
  }

  stored(batch: Stored): void {
    for (const { orderId } of batch.done) this.counts[orderId === undefined ? 'known' : 'stored']++;
    this.emit('stored', batch);
  }

  park({ id, why }: Letter): void {
    this.parked[why.kind] = (this.parked[why.kind] ?? 0) + 1;
    this.newest.unshift({ at: new Date().toISOString(), message_id: id, ...why });
    this.newest.length = Math.min(this.newest.length, NEWEST);
  }

  /** Messages that were delivered and are not acknowledged. */
  get inHand(): number {
    return this.#inHand();
  }

  /** What has had no outcome for longer than it can take, so that only a new process helps; else nothing. */
  get stuck(): string | undefined {
    if (performance.now() - this.#lastOutcome < LONGEST) return undefined;
    if (this.#storing) return 'orders are being stored, and no attempt has ended';
    return this.broker === undefined ? undefined : 'billing does not consume, and no attempt to has ended';
  }

  #outcome(): void {
    this.#lastOutcome = performance.now();
  }
}
