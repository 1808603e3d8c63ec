import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyFreePort } from '../../../run/servers/ports.ts';
import { median } from '../../statistics.ts';
import { memory, resetPeak } from '../../usage.ts';
import { answers, startService, untilReady } from '../contender.ts';
import { databaseOf, fillMovies, withDatabase } from '../database.ts';
import type { Bench, Panel, Question, Result, Table, Target } from '../question.ts';
import { ratioTarget } from '../rounds.ts';

const MB = 1024 * 1024;
const TEN = 10;
const SMALL = 10_000;
const MILLION = 1_000_000;
/** Clients of each unpleasant kind. */
const CROWD = 20;

/** Times are milliseconds, memory is bytes above what the process held before. */
interface Size {
  films: number;
  search: number;
  byId: number;
  firstByte: number;
  wholeList: number;
  listMemory: number;
  leaving: Crowd;
  slow: Crowd;
}

interface Crowd {
  memory: number;
  /** Queries that still run in the database a second after the clients left. */
  queries: number;
}

export const growth: Question = {
  name: 'growth',
  async ask(bench: Bench): Promise<Result> {
    const sizes: Size[] = [];
    for (const films of bench.quick ? [TEN, SMALL, 100_000] : [TEN, SMALL, 100_000, MILLION]) {
      bench.say(`${films.toLocaleString('en')} films`);
      await withDatabase(databaseOf(bench.environment, 'MOVIES_DB'), (client) => fillMovies(client, films));
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

async function measureSize({ quick, environment }: Bench, films: number): Promise<Size> {
  const port = await anyFreePort();
  const running = startService('inventory-app', { ...environment, INVENTORY_PORT: String(port) });
  const url = `http://127.0.0.1:${port}/api/movies`;
  try {
    await untilReady('inventory', running, () => answers(`${url}/1`));
    const repeat = async (times: number, work: (n: number) => Promise<number>) => {
      const values: number[] = [];
      for (let n = 0; n < times; n++) values.push(await work(n));
      return median(values.slice(Math.floor(times / 3))); // the first ones warm up
    };
    const many = quick ? 30 : 90;
    const search = await repeat(many, () => timeToRead(`${url}?title=zanzibar`));
    const byId = await repeat(many, (n) => timeToRead(`${url}/${1 + ((n * 7919) % films)}`));

    const firstByte = await repeat(many, () => timeToFirstByte(url));
    const { now } = memory(running.pid);
    resetPeak(running.pid);
    const wholeList = await repeat(3, () => timeToRead(url));
    const listMemory = memory(running.pid).peak - now;

    const crowd = async (come: () => Promise<unknown>): Promise<Crowd> => {
      resetPeak(running.pid);
      const before = memory(running.pid).now;
      await come();
      await sleep(1000);
      return { memory: memory(running.pid).peak - before, queries: await runningQueries(environment) };
    };
    return {
      films,
      search,
      byId,
      firstByte,
      wholeList,
      listMemory,
      leaving: await crowd(async () => {
        await Promise.all(Array.from({ length: CROWD }, async () => (await open(url)).destroy()));
      }),
      slow: await crowd(async () => {
        const answers = await Promise.all(Array.from({ length: CROWD }, () => open(url)));
        await sleep(2000);
        for (const answer of answers) answer.destroy();
      }),
    };
  } finally {
    await running.stop();
  }
}

/** An answer whose first bytes have come, and of which nothing is read. */
function open(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (answer) => {
      answer.on('error', () => {}); // we leave
      resolve(answer);
    }).on('error', reject);
  });
}

/** Milliseconds until the first byte of the body. The rest is not waited for. */
async function timeToFirstByte(url: string): Promise<number> {
  const began = performance.now();
  const answer = await open(url);
  await once(answer, 'data');
  const time = performance.now() - began;
  answer.destroy();
  await sleep(50); // what the service still does for this client is not the next one's delay
  return time;
}

/** Milliseconds until the last byte. */
async function timeToRead(url: string): Promise<number> {
  const began = performance.now();
  const answer = await open(url);
  answer.resume();
  await once(answer, 'end');
  return performance.now() - began;
}

const runningQueries = (environment: Bench['environment']) =>
  withDatabase(databaseOf(environment, 'MOVIES_DB'), async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    return Number(rows[0]!.count);
  });

const label = (films: number) => `${films.toLocaleString('en')} films`;
const megabytes = (bytes: number) => `${(bytes / MB).toFixed(0)} MB`;
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
      megabytes(size.listMemory),
      megabytes(size.leaving.memory),
      megabytes(size.slow.memory),
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
    measured: `${megabytes(memory)}, ${queries} running`,
    met: memory <= 64 * MB && queries === 0,
  });
  const all: Target[] = [
    ratioTarget(`selective search, ${label(largest.films)} / ${label(SMALL)}`, largest.search / small.search, { atMost: 3 }),
    {
      what: `whole list of ${label(largest.films)}, memory grows by`,
      target: 'at most 64 MB',
      measured: megabytes(largest.listMemory),
      met: largest.listMemory <= 64 * MB,
    },
    ratioTarget(`whole list, first byte, ${label(largest.films)} / ${label(TEN)}`, largest.firstByte / ten.firstByte, {
      atMost: 2,
    }),
    crowd('clients that leave', largest.leaving),
    crowd('clients that read slowly', largest.slow),
  ];
  return million
    ? all
    : all.map((target) => ({ ...target, met: undefined, measured: `${target.measured} (no million in a quick run)` }));
}
