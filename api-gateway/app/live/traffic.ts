/** What the gateway serves, apart from probes and pages. */
export type Flow = 'films' | 'orders';

/** Seconds that are remembered one by one. */
export const SECONDS = 900;
/** Seconds over which latencies are summed up. */
const RECENT = 10;
/** Of latencies: each is larger than the one before by the fourth root of two, from 0.1 ms to 5.5 s. */
const BUCKETS = 64;
const LEAST = 0.1;
/** Kinds of refusals that are told apart: all that there are, and room for more. */
const KINDS = 40;

/** What one process counts, of which those of several are added up. */
export interface Portion {
  flows: Record<Flow, { perSecond: number; latencies: number[] }>;
  refusals: Record<string, number>;
}

export interface Summary {
  /** In the last whole second. */
  perSecond: number;
  /** Milliseconds, of the last ten seconds; null when there was nothing. */
  p50: number | null;
  p99: number | null;
}

class Counter {
  /** By second, in a ring. */
  readonly counts = new Uint32Array(SECONDS);
  readonly #latencies = Array.from({ length: RECENT + 1 }, () => new Uint32Array(BUCKETS));

  note(second: number, ms: number): void {
    this.counts[second % SECONDS]!++;
    const bucket = Math.round(4 * Math.log2(ms / LEAST));
    this.#latencies[second % (RECENT + 1)]![bucket < 0 ? 0 : bucket < BUCKETS ? bucket : BUCKETS - 1]!++;
  }

  forget(second: number): void {
    this.counts[second % SECONDS] = 0;
    this.#latencies[second % (RECENT + 1)]!.fill(0);
  }

  recent(second: number): { perSecond: number; latencies: number[] } {
    const latencies = Array.from({ length: BUCKETS }, (_, i) => this.#latencies.reduce((sum, counts) => sum + counts[i]!, 0));
    return { perSecond: this.counts[(second + SECONDS - 1) % SECONDS]!, latencies };
  }
}

/** A flow of all processes together. */
export function summarize(portions: Portion[], flow: Flow): Summary {
  const flows = portions.map(({ flows }) => flows[flow]);
  const sums = Array.from({ length: BUCKETS }, (_, i) => flows.reduce((sum, { latencies }) => sum + latencies[i]!, 0));
  const all = sums.reduce((sum, count) => sum + count, 0);
  const percentile = (share: number): number | null => {
    const wanted = all * share;
    for (let bucket = 0, seen = 0; bucket < BUCKETS; bucket++) {
      seen += sums[bucket]!;
      if (seen > 0 && seen >= wanted) return Math.round(LEAST * 2 ** (bucket / 4) * 10) / 10;
    }
    return null;
  };
  return { perSecond: flows.reduce((sum, { perSecond }) => sum + perSecond, 0), p50: percentile(0.5), p99: percentile(0.99) };
}

/** Refusals of all processes together. */
export function sumRefusals(portions: Portion[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { refusals } of portions)
    for (const [kind, count] of Object.entries(refusals)) sums[kind] = (sums[kind] ?? 0) + count;
  return sums;
}

/** Counts what this process answers: some ten additions for a request, and memory that does not grow. */
export class Traffic {
  readonly #counters: Record<Flow, Counter> = { films: new Counter(), orders: new Counter() };
  readonly #refusals = new Map<string, number>();
  #second: number;
  readonly #now: () => number;

  /** `now` gives seconds since 1970, so that processes agree. It may jump: computers sleep, and their clocks are set. */
  constructor(now: () => number = () => Date.now() / 1000) {
    this.#now = now;
    this.#second = this.#advance();
  }

  /** An answer that took so many milliseconds; `refusal` says why it was none. */
  note(flow: Flow, ms: number, refusal?: string): void {
    this.#advance();
    this.#counters[flow].note(this.#second, ms);
    if (refusal === undefined) return;
    const kind = this.#refusals.has(refusal) || this.#refusals.size < KINDS ? refusal : 'other';
    this.#refusals.set(kind, (this.#refusals.get(kind) ?? 0) + 1);
  }

  portion(): Portion {
    this.#advance();
    const { films, orders } = this.#counters;
    return {
      flows: { films: films.recent(this.#second), orders: orders.recent(this.#second) },
      refusals: Object.fromEntries(this.#refusals),
    };
  }

  /** What was answered in that second, one of the last fifteen minutes. */
  at(flow: Flow, second: number): number {
    return this.#counters[flow].counts[second % SECONDS]!;
  }

  /** What an earlier process answered in that second. */
  restore(flow: Flow, second: number, count: number): void {
    this.#counters[flow].counts[second % SECONDS]! += count;
  }

  /** The number of the last whole second. */
  lastSecond(): number {
    return this.#advance() - 1;
  }

  /** By kind, since the start. */
  refusals(): Record<string, number> {
    return Object.fromEntries(this.#refusals);
  }

  /** Makes room for each second that has begun since. */
  #advance(second = Math.floor(this.#now())): number {
    if (second === this.#second) return second;
    const last = Math.max(this.#second ?? 0, second - SECONDS);
    for (let passed = last + 1; passed <= second; passed++)
      for (const counter of Object.values(this.#counters)) counter.forget(passed);
    this.#second = second;
    return second;
  }
}
