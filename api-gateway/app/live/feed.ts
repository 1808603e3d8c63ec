import type { ServerResponse } from 'node:http';
import type { Logger } from '@crud-master/plumbing/log';
import type { LiveState, Sampler } from './state.ts';
import { SECONDS, type Traffic } from './traffic.ts';

/** Milliseconds between two looks while somebody watches. */
const PERIOD = 1000;
/** Seconds between two looks while nobody does. */
const UNWATCHED = 10;
/** Bytes that may wait for a slow viewer before it misses a look. */
const BACKLOG = 65_536;
/** Viewers at a time. */
export const MOST_VIEWERS = 1000;

/** The last fifteen minutes by the second, the oldest first; null where nobody looked. */
export interface History {
  films: number[];
  orders: number[];
  depth: (number | null)[];
  /** The number of the last of these seconds, as in the states. */
  second: number;
}

/** One look a second, written once for all viewers, as server-sent events (https://html.spec.whatwg.org/#server-sent-events). */
export class Feed {
  readonly #viewers = new Set<ServerResponse>();
  readonly #depths: (number | null)[] = [];
  readonly #sampler: Sampler;
  readonly #traffic: Traffic;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout | undefined;
  #looking: Promise<LiveState> | undefined;
  #last: LiveState | undefined;
  #sent: LiveState | undefined;
  #ticks = 0;

  /** One that is `off` looks at nothing. */
  constructor(sampler: Sampler, traffic: Traffic, log: Logger, isOff: boolean) {
    this.#sampler = sampler;
    this.#traffic = traffic;
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

  history(): History {
    const missing = Array.from({ length: SECONDS - this.#depths.length }, () => null);
    return {
      films: this.#traffic.history('films', SECONDS),
      orders: this.#traffic.history('orders', SECONDS),
      depth: [...missing, ...this.#depths],
      second: this.#traffic.lastSecond(),
    };
  }

  /** Keeps this answer open until the viewer goes or the feed ends. */
  join(res: ServerResponse): void {
    this.#viewers.add(res);
    res.on('close', () => this.#viewers.delete(res));
    res.write(event('history', JSON.stringify(this.history())));
    this.look().then(
      (state) => !res.writableEnded && res.write(event('state', JSON.stringify(state))),
      (error: Error) => this.#log.error({ err: error }, 'live page'),
    );
  }

  close(): void {
    clearInterval(this.#timer);
    for (const viewer of this.#viewers) viewer.end();
  }

  #tick(): void {
    const isDue = this.#viewers.size > 0 || this.#ticks++ % UNWATCHED === 0;
    if (!isDue) {
      this.#remember(null);
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
    this.#remember(state.queue?.messages ?? null);
    const text = event('state', JSON.stringify(state));
    for (const viewer of this.#viewers) if (viewer.writableLength < BACKLOG) viewer.write(text);
  }

  #remember(depth: number | null): void {
    this.#depths.push(depth);
    if (this.#depths.length > SECONDS) this.#depths.shift();
  }
}

const event = (name: string, data: string) => `event: ${name}\ndata: ${data}\n\n`;
