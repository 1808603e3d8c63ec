import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { type Day, Recorder, SLICES, sumDays, sumHistories } from '../app/live/history.ts';
import { SECONDS, Traffic } from '../app/live/traffic.ts';

const START = 1_800_000_000; // a whole number of slices

function record(file?: string, now = START) {
  const clock = { now };
  const traffic = new Traffic(() => clock.now);
  const warnings: unknown[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => warnings.push(JSON.parse(line)) });
  const recorder = new Recorder(traffic, file, log);
  /** So many seconds, each with that many films, and a queue of that length. */
  const pass = (seconds: number, films: number, depth: number | null = null) => {
    for (let n = 0; n < seconds; n++) {
      for (let film = 0; film < films; film++) traffic.note('films', 1);
      clock.now++;
      recorder.note(depth);
    }
  };
  return { clock, traffic, recorder, pass, warnings };
}
const place = () => join(mkdtempSync(join(tmpdir(), 'history-')), 'in', 'live.jsonl');
const known = ({ films, depth }: Day) => ({ films: films.filter((v) => v !== null), depth: depth.filter((v) => v !== null) });

test('a day is kept by ten seconds: films a second, and the most that waited', () => {
  const { recorder, pass } = record();
  pass(10, 3, 5);
  pass(5, 0, 7);
  pass(5, 2, null);
  const day = recorder.day();
  expect(known(day)).toEqual({ films: [3, 1], depth: [5, 7] });
  expect([day.films.length, day.second]).toEqual([SLICES, START + 19]);
});

test('what a process has written the next one shows, by the second and by the day', async () => {
  const file = place();
  const first = record(file);
  first.pass(25, 2, 4);
  await first.recorder.close();
  const next = record(file, START + 30);
  await next.recorder.close(); // it has read
  expect(known(next.recorder.day())).toEqual({ films: [2, 2, 1], depth: [4, 4, 4] });
  const { films, depth, second } = next.recorder.history();
  expect(second).toBe(START + 29);
  expect(films.slice(-32)).toEqual([null, null, ...Array(25).fill(2), ...Array(5).fill(null)]);
  expect(depth.slice(-31)).toEqual([null, ...Array(25).fill(4), ...Array(5).fill(null)]);
});

test('what is older than a day is not shown, and the file stays small', async () => {
  const file = place();
  const first = record(file);
  first.pass(10, 1);
  await first.recorder.close();
  const line = readFileSync(file, 'utf8');
  appendFileSync(file, line.repeat(2 * SLICES));
  const next = record(file, START + 86_400 + 20);
  await next.recorder.close();
  expect(known(next.recorder.day()).films).toEqual([]);
  expect(readFileSync(file, 'utf8').split('\n').length).toBeLessThanOrEqual(SLICES + 1);
  expect(existsSync(`${file}.new`)).toBe(false);
});

test('lines that a crash has cut, or somebody else has written, are left out', async () => {
  const file = place();
  const first = record(file);
  first.pass(10, 1);
  await first.recorder.close();
  appendFileSync(file, 'x\n{}\n[1]\n[1,2,3,4,5]\n[180000001,"a",0,0]\n[18000');
  const next = record(file, START + 20);
  next.pass(10, 6);
  await next.recorder.close();
  const last = record(file, START + 40);
  await last.recorder.close();
  expect(known(last.recorder.day()).films).toEqual([1, 6]);
});

test('a folder that is none is told once, and the page goes on', async () => {
  const file = place();
  writeFileSync(join(file, '..', '..', 'in'), '');
  const { recorder, pass, warnings } = record(file);
  pass(30, 1);
  await recorder.close();
  expect(warnings).toEqual([expect.objectContaining({ msg: "the live page's history cannot be kept" })]);
  expect(known(recorder.day()).films).toEqual([1, 1, 1]);
});

test('a process that takes over in the middle of a slice adds its part, and what nobody saw is no zero', async () => {
  const file = place();
  const first = record(file);
  first.pass(3, 4);
  await first.recorder.close();
  const next = record(file, START + 5);
  await expect.poll(() => next.recorder.history().films).toContain(4); // it has read
  next.pass(5, 4);
  expect(known(next.recorder.day()).films).toEqual([(3 * 4 + 5 * 4) / 10]);
  expect(next.recorder.history().films.slice(-11)).toEqual([null, 4, 4, 4, null, null, 4, 4, 4, 4, 4]);
});

test('a folder that was deleted is made again', async () => {
  const file = place();
  const { recorder, pass } = record(file);
  await recorder.close();
  rmSync(dirname(file), { recursive: true });
  pass(10, 1);
  await recorder.close();
  expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2);
});

test('a clock that is set back goes on from there', () => {
  const { clock, recorder, pass } = record();
  pass(10, 1);
  clock.now -= 3600;
  pass(20, 2);
  expect(known(recorder.day()).films).toContain(2);
});

test('a clock that jumps by hours leaves a gap', () => {
  const { clock, recorder, pass } = record();
  pass(10, 1);
  clock.now += 7200;
  pass(10, 2);
  expect(known(recorder.day()).films.filter(Boolean)).toEqual([1, 2]);
});

test('processes are added up second for second, though one looked a second later', () => {
  const [one, other] = [record(), record()];
  one.pass(10, 1);
  other.pass(11, 10);
  const sum = sumHistories(one.recorder.history(), [other.recorder.history()]);
  expect(sum.films.slice(-11)).toEqual([null, ...Array(10).fill(11)]);
  expect(sum.films).toHaveLength(SECONDS);
  expect(known(sumDays(one.recorder.day(), [other.recorder.day()])).films).toEqual([11]);
});
