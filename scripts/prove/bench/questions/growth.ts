import { MB, megabytes } from '../../usage.ts';
import { databaseOf, fillMovies, withDatabase } from '../load/database.ts';
import type { Bench, Panel, Question, Result, Table, Target } from '../question.ts';
import { amountTarget } from '../report/targets.ts';
import { CROWD, type Crowd, measureSize, type Size } from './growth-measurements.ts';

const TEN = 10;
const SMALL = 10_000;
const MILLION = 1_000_000;

/** What a garbage collection took away in between counts as nothing. */
const grown = (bytes: number) => megabytes(Math.max(0, bytes));

export const growth: Question = {
  name: 'growth',
  async ask(bench: Bench): Promise<Result> {
    const sizes: Size[] = [];
    for (const films of bench.quick ? [TEN, SMALL, 100_000] : [TEN, SMALL, 100_000, MILLION]) {
      bench.say(`${films.toLocaleString('en')} films`);
      await withDatabase(databaseOf(bench.ours.environment, 'MOVIES_DB'), (client) => fillMovies(client, films));
      sizes.push(await measureSize(bench, films));
    }
    return {
      title: 'Growth',
      method: `A fresh inventory process for each size, without the gateway, one request at a time. The search finds ten films at every size. Medians; memory is the highest resident set while the list is read, above that before. ${CROWD} clients at once ask for the whole list and leave after the first bytes, or stop to read for two seconds.`,
      tables: [table(sizes)],
      panels: panels(sizes),
      targets: targets(sizes),
    };
  },
};

const label = (films: number) => `${films.toLocaleString('en')} films`;
const milliseconds = (time: number) => `${time.toFixed(time < 100 ? 1 : 0)} ms`;

function table(sizes: Size[]): Table {
  return {
    columns: ['films', 'search', 'by id', 'list: first byte', 'all', 'memory', `${CROWD} leave: memory`, `${CROWD} slow: memory`],
    rows: sizes.map((size) => [
      size.films.toLocaleString('en'),
      milliseconds(size.search),
      milliseconds(size.byId),
      milliseconds(size.firstByte),
      milliseconds(size.wholeList),
      grown(size.listMemory),
      grown(size.leaving.memory),
      grown(size.slow.memory),
    ]),
  };
}

function panels(sizes: Size[]): Panel[] {
  const panel = (title: string, unit: string, value: (size: Size) => number): Panel => ({
    title,
    unit,
    bars: sizes.map((size) => ({ label: label(size.films), role: 'ours', value: value(size) })),
  });
  return [
    panel('Selective search', 'ms', ({ search }) => search),
    panel('Film by id', 'ms', ({ byId }) => byId),
    panel('Whole list, first byte', 'ms', ({ firstByte }) => firstByte),
    panel('Whole list, all of it', 'ms', ({ wholeList }) => wholeList),
    panel('Whole list, memory', 'MB', ({ listMemory }) => listMemory / MB),
  ];
}

function targets(sizes: Size[]): Target[] {
  const of = (films: number) => sizes.find((size) => size.films === films);
  const [ten, small, million] = [of(TEN)!, of(SMALL)!, of(MILLION)];
  const largest = sizes.at(-1)!;
  const crowd = (what: string, { memory, queries }: Crowd): Target => ({
    what: `${CROWD} ${what} at ${label(largest.films)}`,
    target: 'at most 64 MB, no query left running',
    measured: `${grown(memory)}, ${queries} running`,
    value: grown(memory),
    met: memory <= 64 * MB && queries === 0,
  });
  const all: Target[] = [
    amountTarget(`selective search, ${label(largest.films)} / ${label(SMALL)}`, largest.search / small.search, 3, '×', 2),
    amountTarget(`whole list of ${label(largest.films)}, memory grows by`, largest.listMemory / MB, 64, 'MB'),
    amountTarget(`whole list, first byte, ${label(largest.films)} / ${label(TEN)}`, largest.firstByte / ten.firstByte, 2, '×', 2),
    crowd('clients that leave', largest.leaving),
    crowd('clients that read slowly', largest.slow),
  ];
  return million
    ? all
    : all.map((target) => ({ ...target, met: undefined, measured: `${target.measured} (no million in a quick run)` }));
}
