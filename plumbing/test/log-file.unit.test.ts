import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogFile, formerFiles } from '../log-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-file-'));
  path = join(folder, 'app-out.log');
});
afterEach(() => rmSync(folder, { recursive: true }));

const allFiles = () => [...formerFiles(path), path];
const lines = (file: string) => readFileSync(file, 'utf8').split('\n').filter(Boolean);

test('of several processes each line is there once, in files of the size that was set', async () => {
  const [PROCESSES, LINES, LIMIT] = [4, 10_000, 500_000];
  const program = join(folder, 'writer.mjs');
  writeFileSync(
    program,
    `import { createLogFile } from ${JSON.stringify(new URL('../log-file.ts', import.meta.url).href)};
     const log = createLogFile(${JSON.stringify(path)}, ${LIMIT});
     process.send('ready');
     process.once('message', () => {
       for (let n = 0; n < ${LINES}; n += 5) log.write([0, 1, 2, 3, 4].map((i) => process.argv[2] + ' ' + (n + i) + ' ${'x'.repeat(40)}\\n').join(''));
       process.disconnect();
     });`,
  );
  const children = Array.from({ length: PROCESSES }, (_, n) =>
    fork(program, [String(n)], { execPath: process.execPath, execArgv: [] }),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  for (const child of children) child.send('go');
  await Promise.all(children.map((child) => once(child, 'exit')));

  const found = allFiles().flatMap(lines);
  expect(found.length).toBe(PROCESSES * LINES);
  const perProcess = Map.groupBy(found, (line) => line.split(' ')[0]);
  for (const own of perProcess.values()) {
    expect(own.map((line) => Number(line.split(' ')[1])).sort((a, b) => a - b)).toEqual(
      Array.from({ length: LINES }, (_, n) => n),
    );
  }
  expect(formerFiles(path).length).toBeGreaterThanOrEqual(3);
  for (const file of allFiles()) expect(statSync(file).size).toBeLessThan(LIMIT * 1.01);
});

test('the oldest lines go, and the newest stay', () => {
  const log = createLogFile(path, 1000);
  for (let n = 0; n < 2000; n++) log.write(`${n} ${'x'.repeat(90)}\n`);
  const numbers = allFiles()
    .flatMap(lines)
    .map((line) => Number(line.split(' ')[0]));
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => 2000 - numbers.length + n));
  const bytes = allFiles().reduce((sum, file) => sum + statSync(file).size, 0);
  expect(bytes).toBeGreaterThan(4000);
  expect(bytes).toBeLessThanOrEqual(6000);
});

test('without a limit it grows, and a deleted file is made again', () => {
  const log = createLogFile(path, 0);
  for (let n = 0; n < 100; n++) log.write('line\n');
  expect(allFiles()).toEqual([path]);
  rmSync(path);
  log.write('after\n');
  expect(lines(path)).toEqual(['after']);
});
