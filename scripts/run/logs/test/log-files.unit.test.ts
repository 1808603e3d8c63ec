import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogFile, formerFiles } from '@crud-master/plumbing/log-file';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesAdded, linesBackwards, openLog } from '../log-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'logs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function allBackwards(file: string): Promise<string[]> {
  const log = await openLog(file);
  const lines = await all(linesBackwards(log));
  await log.file?.close();
  return lines;
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe('a log backwards', () => {
  const backwards = async (text: string | Buffer) => {
    const file = join(folder, 'backwards.log');
    writeFileSync(file, text);
    return allBackwards(file);
  };

  test.each([
    ['', []],
    ['a\n', ['a']],
    ['a\nb', ['b', 'a']],
    ['\n\na\n\nb\n\n', ['b', 'a']],
  ])('of %j is %j', async (text, lines) => {
    expect(await backwards(text)).toEqual(lines);
  });

  test.each([65_535, 65_536, 65_537, 200_000])(
    'is whole where a line has %s bytes, with characters of several bytes',
    async (bytes) => {
      const lines = ['first', `${'ä'.repeat(bytes / 2)}€`, 'last'];
      expect(await backwards(`${lines.join('\n')}\n`)).toEqual(lines.toReversed());
    },
  );

  test('of many lines has each once', async () => {
    const lines = Array.from({ length: 50_000 }, (_, n) => `line ${n} ü`);
    expect(await backwards(lines.join('\n'))).toEqual(lines.toReversed());
  });

  test('that is not there has none', async () => {
    for (const name of ['nowhere.log', 'no/where.log']) expect(await allBackwards(join(folder, name))).toEqual([]);
  });
});

/** Follows the log from this moment on. */
async function follow(file: string) {
  const end = new AbortController();
  const seen: string[] = [];
  const log = await openLog(file);
  const following = (async () => {
    for await (const line of linesAdded(log, end.signal)) seen.push(line);
  })();
  const stop = () => {
    end.abort();
    return following;
  };
  return { seen, log, stop };
}

test('what is added is seen, also after the log was emptied and after it was replaced', async () => {
  const file = join(folder, 'added.log');
  writeFileSync(file, 'old\n');
  const { seen, stop } = await follow(file);
  const add = async (text: string, expected: string[]) => {
    appendFileSync(file, text);
    await expect.poll(() => seen, { timeout: 5000 }).toEqual(expected);
  };
  await add('one\ntw', ['one']);
  await add('o\n', ['one', 'two']);
  truncateSync(file);
  await add('3\n', ['one', 'two', '3']);
  renameSync(file, `${file}.1`);
  await add('four\n', ['one', 'two', '3', 'four']);
  await stop();
});

test('a log that does not exist yet is followed from its beginning', async () => {
  const file = join(folder, 'coming.log');
  const { seen, stop } = await follow(file);
  appendFileSync(file, 'one\n');
  await expect.poll(() => seen, { timeout: 5000 }).toEqual(['one']);
  await stop();
});

test('of a log in several files each line is seen once: before the moment of a look backwards, after it by who follows', async () => {
  const file = join(folder, 'rotated.log');
  const writer = createLogFile(file, 60_000);
  const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} ü`);
  const half = lines.length / 2;
  for (const line of lines.slice(0, half)) writer.write(`${line}\n`);
  const before = formerFiles(file).length;
  expect(before).toBeGreaterThan(0);

  const { seen, log, stop } = await follow(file);
  for (const line of lines.slice(half)) writer.write(`${line}\n`); // faster than anybody looks
  expect(formerFiles(file).length).toBeGreaterThan(before + 1);
  expect(await all(linesBackwards(log))).toEqual(lines.slice(0, half).toReversed());
  await expect.poll(() => seen.length, { timeout: 5000 }).toBe(half);
  expect(seen).toEqual(lines.slice(half));
  await stop();
});
