import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';
import { startDaemon, stopDaemon } from '../../servers/pm2/daemon.ts';

const logs = fileURLToPath(new URL('../../servers/pm2/apps.ts', import.meta.url));
const command = fileURLToPath(new URL('../command.ts', import.meta.url));
let home: string;

beforeAll(async () => {
  mkdirSync(join(checkout, '.local'), { recursive: true });
  home = mkdtempSync(join(checkout, '.local', 'readers-'));
  await startDaemon(home);
}, 60_000);
afterAll(async () => {
  await stopDaemon(home);
  rmSync(home, { recursive: true });
});

test('the logs end quietly, with status 0, when their reader has left', async () => {
  const program = `import { runCommand } from '${command}'; import { showLogs } from '${logs}';
    await runCommand(() => showLogs(${JSON.stringify(home)}, ['--raw']));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  child.stdout.destroy();
  const [status] = await once(child, 'close');
  expect(said).not.toMatch(/EPIPE|\n {4}at /);
  expect(status).toBe(0);
});
