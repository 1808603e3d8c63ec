import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
let data: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'half-copy-'));
  data = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

function has(...files: string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(data, file)), { recursive: true });
    writeFileSync(join(data, file), '');
  }
}

/** What its command said, and what is there then. */
function start(...command: string[]) {
  const script = join(import.meta.dirname, '..', 'discard-half-copy.sh');
  const { status, stdout, stderr } = spawnSync(script, [data, ...command], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

test.each([
  ['that has its files in part', ['backup_label', 'PG_VERSION', 'global/1262', 'pg_wal/000000010000000000000002']],
  ['of which there is WAL only', ['pg_wal/000000010000000000000002']],
])('a copy %s is deleted, and Patroni starts', (_what, files) => {
  has(...files);
  expect(start('echo', 'Patroni')).toBe(
    `Half a copy of the primary's database in ${data} was deleted: another one is made.\nPatroni\n`,
  );
  expect(existsSync(data)).toBe(false);
});

test.each([
  ['that runs, or ran', ['PG_VERSION', 'global/pg_control']],
  ['that was copied and has not started yet', ['backup_label', 'PG_VERSION', 'global/pg_control']],
  ['whose disk has lost its pg_control', ['PG_VERSION', 'base/1/1259']],
])('a database %s stays', (_what, files) => {
  has(...files);
  expect(start('echo', 'Patroni')).toBe('Patroni\n');
  for (const file of files) expect(existsSync(join(data, file))).toBe(true);
});

test('nothing happens where there is nothing, or an empty folder', () => {
  expect(start()).toBe('');
  mkdirSync(data);
  expect(start()).toBe('');
  expect(readdirSync(folder)).toEqual(['data']);
});

test('who still copies there is ended, and nobody who copies to another folder', async () => {
  has('backup_label');
  const copying = (to: string) =>
    spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1e6)', '--', `--pgdata=${to}`, '--format=plain']);
  const [left, other] = [copying(data), copying(`${data}-of-another`)];
  try {
    start();
    await expect.poll(() => left.signalCode).toBe('SIGKILL');
    expect([other.signalCode, other.exitCode]).toEqual([null, null]);
  } finally {
    for (const one of [left, other]) one.kill('SIGKILL');
  }
});
