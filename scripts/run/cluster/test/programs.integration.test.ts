import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { listApps } from '../../servers/pm2/apps.ts';
import { findDaemon, pm2, stopDaemon } from '../../servers/pm2/daemon.ts';
import { startPrograms } from '../programs.ts';

const home = mkdtempSync(join(tmpdir(), 'programs-'));
afterAll(async () => {
  await stopDaemon(home);
  rmSync(home, { recursive: true });
});

const said = join(home, 'said');
const program = {
  name: 'reader',
  script: 'node', // is looked for, as the system's tools are
  args: [
    '--eval',
    `fs.writeFileSync(process.argv[1], process.argv[2] + fs.readFileSync(0, 'utf8')); setInterval(() => {}, 1e6)`,
    said,
    'an argument with "blanks"; $HOME',
  ],
  cwd: home,
  env: { PATH: process.env.PATH ?? '' },
};

test('a program finds its input at its end: a session of PostgreSQL would read statements there, and outlive its postmaster', async () => {
  await startPrograms(home, [program]);
  await expect
    .poll(() => existsSync(said) && readFileSync(said, 'utf8'), { timeout: 10_000 })
    .toBe('an argument with "blanks"; $HOME');
});

test('one that runs is left alone, and its process is its own, no shell beside it', async () => {
  await startPrograms(home, [program]);
  const [before] = await listApps(home);
  await startPrograms(home, [program]);
  expect(await listApps(home)).toMatchObject([{ pid: before!.pid, restarts: 0 }]);
  expect(readFileSync(`/proc/${before!.pid}/cmdline`, 'utf8')).toMatch(/^node\0--eval\0/);
});

test("a command of PM2's for a node that was killed starts no daemon outside of that node", async () => {
  const other = mkdtempSync(join(tmpdir(), 'programs-'));
  try {
    await expect(pm2(other, ['jlist', '--silent'])).rejects.toThrow(
      /^PM2 has ended, and .*pm2\.log may say why\. Try it again\.$/,
    );
    expect(findDaemon(other)).toBeUndefined();
  } finally {
    rmSync(other, { recursive: true });
  }
});
