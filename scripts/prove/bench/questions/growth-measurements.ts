import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { anyFreePort } from '../../../run/servers/ports.ts';
import { median } from '../../statistics.ts';
import { memory, resetPeak } from '../../usage.ts';
import { databaseOf, withDatabase } from '../load/database.ts';
import { answers, startService, untilReady } from '../processes.ts';
import type { Product } from '../product.ts';
import type { Bench } from '../question.ts';

/** Clients of each unpleasant kind. */
export const CROWD = 20;

/** Times are milliseconds, memory is bytes above what the process held before. */
export interface Size {
  films: number;
  search: number;
  byId: number;
  firstByte: number;
  wholeList: number;
  listMemory: number;
  leaving: Crowd;
  slow: Crowd;
}

export interface Crowd {
  memory: number;
  /** Queries that still run in the database a second after the clients left. */
  queries: number;
}

/** What a fresh inventory process takes to serve a catalogue of that size. */
export async function measureSize({ quick, ours }: Bench, films: number): Promise<Size> {
  const port = await anyFreePort();
  const running = startService(ours, 'inventory-app', { INVENTORY_PORT: String(port) });
  const url = `http://127.0.0.1:${port}/api/movies`;
  const many = quick ? 15 : 90;
  try {
    await untilReady('inventory', running, () => answers(`${url}/1`));
    return {
      films,
      search: await medianOf(many, () => timeToRead(`${url}?title=zanzibar`)),
      byId: await medianOf(many, (n) => timeToRead(`${url}/${1 + ((n * 7919) % films)}`)),
      firstByte: await medianOf(many, () => timeToFirstByte(url)),
      ...(await readWholeList(running.pid, url)),
      leaving: await crowd(ours, running.pid, () => leave(url)),
      slow: await crowd(ours, running.pid, () => stopReading(url)),
    };
  } finally {
    await running.stop();
  }
}

async function medianOf(times: number, work: (n: number) => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let n = 0; n < times; n++) values.push(await work(n));
  return median(values.slice(Math.floor(times / 3))); // the first ones warm up
}

async function readWholeList(pid: number, url: string): Promise<Pick<Size, 'wholeList' | 'listMemory'>> {
  const { now } = memory(pid);
  resetPeak(pid);
  const wholeList = await medianOf(3, () => timeToRead(url));
  return { wholeList, listMemory: memory(pid).peak - now };
}

/** What it takes when they come all at once. */
async function crowd(ours: Product, pid: number, come: () => Promise<void>): Promise<Crowd> {
  resetPeak(pid);
  const before = memory(pid).now;
  await come();
  await sleep(1000);
  return { memory: memory(pid).peak - before, queries: await runningQueries(ours) };
}

async function leave(url: string): Promise<void> {
  await Promise.all(Array.from({ length: CROWD }, async () => (await open(url)).destroy()));
}

async function stopReading(url: string): Promise<void> {
  const answers = await Promise.all(Array.from({ length: CROWD }, () => open(url)));
  await sleep(2000);
  for (const answer of answers) answer.destroy();
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

const runningQueries = ({ environment }: Product) =>
  withDatabase(databaseOf(environment, 'MOVIES_DB'), async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()`,
    );
    return Number(rows[0]!.count);
  });
