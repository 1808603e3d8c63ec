import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linesAdded, linesBackwards } from '../log-files.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'logs-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe('a log backwards', () => {
  const backwards = async (text: string | Buffer) => {
    const file = join(folder, 'backwards.log');
    writeFileSync(file, text);
    return all(linesBackwards(file));
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
    expect(await all(linesBackwards(join(folder, 'nowhere.log')))).toEqual([]);
  });
});

test('what is added is seen, also after the log was emptied and after it was replaced', async () => {
  const file = join(folder, 'added.log');
  writeFileSync(file, 'old\n');
  const end = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const line of linesAdded(file, end.signal)) seen.push(line);
  })();
  await new Promise((resolve) => setTimeout(resolve, 50)); // it has looked where the log ends
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
  end.abort();
  await following;
});
