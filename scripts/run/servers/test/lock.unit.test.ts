import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';
import { withLock } from '../lock.mjs';

const module = pathToFileURL(join(checkout, 'scripts/run/servers/lock.mjs')).href;
let folder: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock '));
  file = join(folder, 'deep', 'x.lock');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that runs the lines with `withLock`, `file` and `sleep` at hand. */
function run(lines: string, env: Record<string, string> = {}): ChildProcess {
  const head = `import { withLock } from ${JSON.stringify(module)}; import { setTimeout as sleep } from 'node:timers/promises';
    import { spawn } from 'node:child_process'; import { appendFileSync } from 'node:fs'; const file = ${JSON.stringify(file)};\n`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', head + lines], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  return child;
}

async function line(child: ChildProcess): Promise<string> {
  for await (const chunk of child.stdout!.setEncoding('utf8')) return chunk.trim();
  return '';
}

/** A lock whose holder was killed in the middle of its work. */
async function deadLock(): Promise<string> {
  const holder = run(`await withLock(file, () => { console.log('holds'); return sleep(60_000); });`);
  await line(holder);
  const content = readFileSync(file, 'utf8');
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  return content;
}

test.each([
  ['empty', ''],
  ['cut off', '{"processes":[{"pi'],
  ['binary', '\0\xff\x00'],
  ['a number alone, as earlier versions wrote it', '1'],
  [
    'of a process that there is not',
    '{"processes":[{"pid":2147483000,"started":"1"}],"doing":"x","since":"2026-01-01T00:00:00Z"}',
  ],
])('a lock that is %s is taken over without waiting', async (_name, content) => {
  mkdirSync(join(file, '..'));
  writeFileSync(file, content);
  const waits: string[] = [];
  expect(
    await withLock(
      file,
      () => 'done',
      (holder) => waits.push(holder),
    ),
  ).toBe('done');
  expect(waits).toEqual([]);
  expect(readdirSync(join(file, '..'))).toEqual([]);
});

test('the lock of a killed process is taken over', async () => {
  await deadLock();
  expect(await withLock(file, () => 'done')).toBe('done');
});

test('a process number that was given to another program holds nothing', async () => {
  const content = JSON.parse(await deadLock());
  const other = run('await sleep(60_000)');
  content.processes[0].pid = other.pid;
  writeFileSync(file, JSON.stringify(content));
  expect(await withLock(file, () => 'done')).toBe('done');
});

test('who waits is told for whom at once, and gets the lock when it is free', async () => {
  const holder = run(`await withLock(file, () => { console.log('holds'); return sleep(800); });`, {
    npm_lifecycle_event: 'reset',
  });
  await line(holder);
  const started = Date.now();
  let told = Number.POSITIVE_INFINITY;
  let text = '';
  await withLock(
    file,
    () => {},
    (who) => {
      told = Date.now() - started;
      text = who;
    },
  );
  expect(told).toBeLessThan(1000);
  expect(text).toMatch(new RegExp(`^${holder.pid} \\(npm run reset, since \\d\\d:\\d\\d:\\d\\d\\)$`));
});

test('when many take a dead lock over at once, one at a time holds it', async () => {
  await deadLock();
  const record = join(folder, 'record');
  const lines = `for (let i = 0; i < 5; i++) await withLock(file, async () => {
    appendFileSync(${JSON.stringify(record)}, 'in '); await sleep(5); appendFileSync(${JSON.stringify(record)}, 'out '); }, () => {});`;
  const contenders = Array.from({ length: 8 }, () => run(lines));
  await Promise.all(contenders.map((child) => once(child, 'exit')));
  expect(readFileSync(record, 'utf8')).toBe('in out '.repeat(40));
  expect(readdirSync(join(file, '..'))).toEqual([]);
});

test('a child that outlives the killed holder keeps the lock', async () => {
  const holder = run(`await withLock(file, async (include) => {
    const child = spawn('sh', ['-c', 'sleep 1; echo > "$0"', file + '.ended'], { stdio: 'ignore' });
    include(child.pid); console.log(child.pid); return sleep(60_000); });`);
  const child = Number(await line(holder));
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  const waits: string[] = [];
  await withLock(
    file,
    () => expect(existsSync(`${file}.ended`)).toBe(true),
    (who) => waits.push(who),
  );
  expect(waits).toHaveLength(1);
  expect(waits[0]).toContain(`${child} (`);
});

test('the lock is free after work that failed', async () => {
  await expect(withLock(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(file)).toBe(false);
});

test('a folder that cannot be made ends in one sentence', async () => {
  writeFileSync(join(folder, 'deep'), '');
  await expect(withLock(file, () => {})).rejects.toThrow(/x\.lock cannot be used: /);
});
