import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive } from '../../scripts/run/servers/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'watchdog-'));

/** A process with a watchdog of one second, which says `up` and then does that. */
async function start(name: string, then: string) {
  const log = join(folder, `${name}.log`);
  const program = `
    import { startWatchdog } from ${JSON.stringify(new URL('../watchdog.ts', import.meta.url).href)};
    await startWatchdog('a_service', { warn: console.log }, 1, 200);
    setInterval(() => {}, 1000);
    console.log('up');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, pm_out_log_path: log },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return { child, log: () => JSON.parse(readFileSync(log, 'utf8')) };
}

const reason = 'no sign of life for 1 s: frozen, or at one thing without end';

test('A frozen process is killed, and the log says why', async () => {
  const { child, log } = await start('frozen', '');
  child.kill('SIGSTOP');
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(log()).toEqual({
    level: 'fatal',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    service: 'a_service',
    reason,
    msg: 'alive, but not working',
  });
});

test('So is one in an endless loop', async () => {
  const { child, log } = await start('loop', 'setTimeout(() => { for (;;); });');
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  expect(log().reason).toBe(reason);
});

test('One that works lives, ends when it wants to, and takes its watchdog along', async () => {
  const { child } = await start('works', "process.on('SIGTERM', () => process.exit(7));");
  await sleep(2500); // longer than it may be silent
  const watchdogs = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  expect(watchdogs).toHaveLength(1);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([7, null]);
  await expect.poll(() => isAlive(Number(watchdogs[0]))).toBe(false);
});
