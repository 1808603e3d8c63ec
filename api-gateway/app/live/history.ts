import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '@crud-master/plumbing/log';
import { SECONDS, type Traffic } from './traffic.ts';

/** Seconds of a slice: the day is kept by these. */
export const SLICE = 10;
/** Slices of a day. */
export const SLICES = 8640;

/** The last fifteen minutes by the second, the oldest first; null where nobody looked, or no process was there. */
export interface History {
  films: (number | null)[];
  orders: (number | null)[];
  depth: (number | null)[];
  /** The last of these seconds, since 1970. */
  second: number;
}

/** A day by ten seconds, the oldest first: films and orders a second, the most that waited; null where nothing is known. */
export interface Day {
  films: (number | null)[];
  orders: (number | null)[];
  depth: (number | null)[];
  /** The last second of the last slice, since 1970. */
  second: number;
}

/** Ten seconds. A number stands for ten of it. */
type Line = [slice: number, films: Column, orders: Column, depth: Column];
type Column = number | null | (number | null)[];

/** How long the queue was, second for second, and what was answered, slice for slice. Kept in a file, where there is one. */
export class Recorder {
  readonly #traffic: Traffic;
  readonly #file: string | undefined;
  readonly #log: Logger;
  /** By second, in rings. */
  readonly #depths: (number | null)[] = Array(SECONDS).fill(null);
  readonly #depthSeconds = new Float64Array(SECONDS);
  /** By slice, in rings: which slice it is, films and orders a second, the most that waited (NaN: not known). */
  readonly #day = {
    slices: new Float64Array(SLICES),
    films: new Float64Array(SLICES),
    orders: new Float64Array(SLICES),
    depth: new Float64Array(SLICES),
  };
  #recorded: number;
  /** The first second that this process has seen, and which before it are known from the file, in a ring. */
  #began: number;
  readonly #restored = new Float64Array(SECONDS);
  #lines = 0;
  #writing: Promise<void>;
  #failed = false;

  constructor(traffic: Traffic, file: string | undefined, log: Logger) {
    this.#traffic = traffic;
    this.#file = file;
    this.#log = log;
    this.#began = traffic.lastSecond() + 1;
    this.#recorded = sliceBefore(this.#began);
    this.#writing = file === undefined ? Promise.resolve() : this.#attempt(() => this.#load(file));
  }

  /** To be called each second, with how long the queue is where that is known. */
  note(depth: number | null): void {
    const second = this.#traffic.lastSecond();
    if (depth !== null || this.#depthAt(second) === null) this.#noteDepth(second, depth);
    const slice = sliceBefore(second + 1);
    if (slice > this.#recorded) this.#record(slice);
    else if (slice < this.#recorded - 1) [this.#recorded, this.#began] = [slice, second]; // the clock was set back
  }

  history(): History {
    const second = this.#traffic.lastSecond();
    const seconds = Array.from({ length: SECONDS }, (_, i) => second - SECONDS + 1 + i);
    return {
      films: seconds.map((each) => this.#countAt('films', each)),
      orders: seconds.map((each) => this.#countAt('orders', each)),
      depth: seconds.map((each) => this.#depthAt(each)),
      second,
    };
  }

  day(): Day {
    const last = this.#recorded;
    const slices = Array.from({ length: SLICES }, (_, i) => last - SLICES + 1 + i);
    const values = (name: 'films' | 'orders' | 'depth') =>
      slices.map((slice) => {
        const value = this.#day[name][slice % SLICES]!;
        return this.#knows(slice) && !Number.isNaN(value) ? value : null;
      });
    return { films: values('films'), orders: values('orders'), depth: values('depth'), second: last * SLICE + SLICE - 1 };
  }

  /** Writes what has been of the slice that is not over, and resolves when all is written. The next process adds the rest. */
  close(): Promise<void> {
    const unfinished = this.#recorded + 1;
    if (unfinished * SLICE <= this.#traffic.lastSecond()) this.#record(unfinished);
    return this.#writing;
  }

  #countAt(flow: 'films' | 'orders', second: number): number | null {
    const isKnown =
      second <= this.#traffic.lastSecond() && (second >= this.#began || this.#restored[second % SECONDS] === second);
    return isKnown ? this.#traffic.at(flow, second) : null;
  }

  #depthAt(second: number): number | null {
    return this.#depthSeconds[second % SECONDS] === second ? this.#depths[second % SECONDS]! : null;
  }

  #noteDepth(second: number, depth: number | null): void {
    this.#depths[second % SECONDS] = depth;
    this.#depthSeconds[second % SECONDS] = second;
  }

  #knows(slice: number): boolean {
    return this.#day.slices[slice % SLICES] === slice;
  }

  #record(slice: number): void {
    this.#recorded = slice;
    const seconds = Array.from({ length: SLICE }, (_, i) => slice * SLICE + i);
    const counts = (flow: 'films' | 'orders') => pack(seconds.map((second) => this.#countAt(flow, second)));
    const line: Line = [slice, counts('films'), counts('orders'), pack(seconds.map((second) => this.#depthAt(second)))];
    this.#keep(line);
    const file = this.#file;
    if (file === undefined) return;
    this.#writing = this.#writing.then(() =>
      this.#attempt(async () => {
        await mkdir(dirname(file), { recursive: true });
        await appendFile(file, `${JSON.stringify(line)}\n`);
        if (++this.#lines > 2 * SLICES) await this.#shorten(file);
      }),
    );
  }

  #keep([slice, films, orders, depth]: Line): void {
    const { slices, ...columns } = this.#day;
    const place = slice % SLICES;
    slices[place] = slice;
    columns.films[place] = rate(films);
    columns.orders[place] = rate(orders);
    columns.depth[place] = most(depth) ?? Number.NaN;
  }

  /** What an earlier process, or this one before, has written. Lines that a crash has cut are left out. */
  async #load(file: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n').flatMap(lineOf);
    const now = this.#traffic.lastSecond();
    for (const line of lines) {
      const age = sliceBefore(now + 1) - line[0];
      if (age < -1 || age >= SLICES) continue; // -1: the slice that is not over
      this.#keep(line);
      if (age < SECONDS / SLICE) this.#restore(line, now);
    }
    this.#lines = lines.length;
    if (text !== '' && !text.endsWith('\n')) await appendFile(file, '\n');
    if (this.#lines > 2 * SLICES) await this.#shorten(file);
  }

  #restore([slice, films, orders, depth]: Line, now: number): void {
    for (let i = 0; i < SLICE; i++) {
      const second = slice * SLICE + i;
      if (second <= now - SECONDS || second > now) continue;
      const counts = [itemOf(films, i), itemOf(orders, i)];
      if (counts.includes(null)) continue;
      if (this.#restored[second % SECONDS] === second) continue; // of two processes that had this file
      this.#restored[second % SECONDS] = second;
      this.#traffic.restore('films', second, counts[0]!);
      this.#traffic.restore('orders', second, counts[1]!);
      this.#noteDepth(second, itemOf(depth, i));
    }
  }

  /** Keeps a day of the file. */
  async #shorten(file: string): Promise<void> {
    const kept = (await readFile(file, 'utf8')).split('\n').slice(-SLICES - 1);
    await writeFile(`${file}.new`, kept.join('\n'));
    await rename(`${file}.new`, file);
    this.#lines = kept.length;
  }

  /** The page works without its file. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failed = false;
    } catch (error) {
      if (!this.#failed)
        this.#log.warn({ file: this.#file, reason: (error as Error).message }, "the live page's history cannot be kept");
      this.#failed = true;
    }
  }
}

/** The last slice that is over before that second. */
const sliceBefore = (second: number) => Math.floor(second / SLICE) - 1;

const pack = (values: (number | null)[]): Column => (values.every((value) => value === values[0]) ? values[0]! : values);
const itemOf = (column: Column, i: number): number | null => (Array.isArray(column) ? column[i]! : column);
const valuesOf = (column: Column) => Array.from({ length: SLICE }, (_, i) => itemOf(column, i)).filter((value) => value !== null);
/** A second, on the average of the slice; NaN where nothing is known. */
const rate = (column: Column) => {
  const values = valuesOf(column);
  return values.length === 0 ? Number.NaN : values.reduce((total, value) => total + value, 0) / SLICE;
};
const most = (column: Column) => (valuesOf(column).length > 0 ? Math.max(...valuesOf(column)) : null);

function lineOf(text: string): Line[] {
  try {
    const line = JSON.parse(text) as Line;
    const isColumn = (column: unknown) =>
      column === null || typeof column === 'number' || (Array.isArray(column) && column.length === SLICE);
    return Array.isArray(line) && Number.isInteger(line[0]) && line.length === 4 && line.slice(1).every(isColumn) ? [line] : [];
  } catch {
    return [];
  }
}

/** Second for second what all processes have answered; the queue is the same for all. */
export const sumHistories = (own: History, others: History[]): History => summed(own, others, 1);

export const sumDays = (own: Day, others: Day[]): Day => summed(own, others, SLICE);

function summed<T extends History | Day>(own: T, others: T[], step: number): T {
  const add = (name: 'films' | 'orders') =>
    own[name].map((value, i) => {
      const values = [value, ...others.map((other) => other[name][i + (own.second - other.second) / step] ?? null)];
      return values.every((each) => each === null) ? null : values.reduce<number>((total, each) => total + (each ?? 0), 0);
    });
  return { ...own, films: add('films'), orders: add('orders') };
}
