import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@crud-master/plumbing/log';
import { type Day, type History, type Recorder, SLICE } from './history.ts';
import type { Siblings } from './siblings.ts';
import type { LiveState, Sampler } from './state.ts';

/** Milliseconds between two looks while somebody watches. */
const PERIOD = 1000;
/** Seconds between two looks while nobody does. */
const UNWATCHED = 10;
/** Bytes that may wait for a slow viewer before it misses a look. */
const BACKLOG = 65_536;
/** Milliseconds that a stop waits for the history: its disk may hang. */
const FAREWELL = 1000;
/** Viewers at a time. */
export const MOST_VIEWERS = 1000;

/** One look a second, written once for all viewers, as server-sent events (https://html.spec.whatwg.org/#server-sent-events). */
export class Feed {
  /** Whether each has its history, after which it gets what is new. */
  readonly #viewers = new Map<ServerResponse, boolean>();
  readonly #sampler: Sampler;
  readonly #recorder: Recorder;
  readonly #siblings: Siblings;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout | undefined;
  #looking: Promise<LiveState> | undefined;
  #last: LiveState | undefined;
  #sent: LiveState | undefined;
  #ticks = 0;

  /** One that is `off` looks at nothing. */
  constructor(sampler: Sampler, recorder: Recorder, siblings: Siblings, log: Logger, isOff: boolean) {
    this.#sampler = sampler;
    this.#recorder = recorder;
    this.#siblings = siblings;
    this.#log = log;
    if (!isOff) this.#timer = setInterval(() => this.#tick(), PERIOD).unref();
  }

  /** As it was when somebody last looked. */
  get last(): LiveState | undefined {
    return this.#last;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  /** What is now, for the page as it is first sent. However many ask at once, it is looked once. */
  look(): Promise<LiveState> {
    this.#looking ??= this.#sampler
      .look()
      .then((state) => {
        this.#last = state;
        return state;
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  history = shared(PERIOD, (): Promise<History> => this.#siblings.history(this.#recorder.history()));

  day = shared(SLICE * 1000, (): Promise<Day> => this.#siblings.day(this.#recorder.day()));

  /** Keeps this answer open until the viewer goes or the feed ends. */
  join(res: ServerResponse): void {
    this.#viewers.set(res, false);
    res.on('close', () => this.#viewers.delete(res));
    Promise.all([this.history(), this.look()]).then(
      ([history, state]) => {
        if (res.writableEnded || !this.#viewers.has(res)) return;
        this.#viewers.set(res, true);
        res.write(event('history', JSON.stringify(history)) + event('state', JSON.stringify(state)));
      },
      (error: Error) => this.#log.error({ err: error }, 'live page'),
    );
  }

  /** Ends the streams. */
  end(): void {
    clearInterval(this.#timer);
    for (const viewer of this.#viewers.keys()) viewer.end();
  }

  /** Waits a moment for what is being written. */
  async close(): Promise<void> {
    this.end();
    await Promise.race([this.#recorder.close(), sleep(FAREWELL, undefined, { ref: false })]);
  }

  #tick(): void {
    const isDue = this.#viewers.size > 0 || this.#ticks++ % UNWATCHED === 0;
    if (!isDue) {
      this.#recorder.note(null);
      return;
    }
    this.look().then(
      (state) => this.#send(state),
      (error: Error) => this.#log.error({ err: error }, 'live page'),
    );
  }

  #send(state: LiveState): void {
    if (state === this.#sent) return; // a look that took longer than a period
    this.#sent = state;
    this.#recorder.note(state.queue?.messages ?? null);
    const text = event('state', JSON.stringify(state));
    for (const [viewer, isGreeted] of this.#viewers) if (isGreeted && viewer.writableLength < BACKLOG) viewer.write(text);
  }
}

/** That work, done once for all who ask within so many milliseconds. */
function shared<T>(milliseconds: number, work: () => Promise<T>): () => Promise<T> {
  let last: { at: number; result: Promise<T> } | undefined;
  return () => {
    const now = performance.now();
    if (!last || now - last.at >= milliseconds) last = { at: now, result: work() };
    return last.result;
  };
}

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`;
