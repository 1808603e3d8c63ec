import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const scripts = fileURLToPath(new URL('../../..', import.meta.url));
const AWAY = { API_GATEWAY_PORT: '1', RABBITMQ_HOST: '127.0.0.1', RABBITMQ_PORT: '1' };

/** Runs a command whose readers have left before its first word. */
async function runUnread(program: string, args: string[]): Promise<number> {
  const child = spawn(process.execPath, [`${scripts}/${program}`, ...args], {
    env: { ...process.env, ...AWAY },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const [status] = await once(child, 'close');
  expect(said).not.toMatch(/EPIPE|\n {4}at /);
  return status;
}

test.concurrent.each([
  ['run/launch/launch.mjs', ['scripts/operate/audit/audit.ts', '--help'], 0],
  ['operate/audit/audit.ts', ['--target', 'nowhere'], 1],
  ['prove/vm/test-vm.ts', ['--nothing'], 1],
  ['operate/seed/seed.ts', ['--url', 'http://127.0.0.1:1'], 1],
  ['operate/postman/run.ts', ['--url', 'http://127.0.0.1:1'], 1],
  ['operate/dead-letters/dead-letters.ts', ['list'], 1],
  ['run/commands/env.ts', ['x'], undefined],
  ['run/commands/status.ts', [], undefined],
  ['run/commands/logs.ts', [], undefined],
  ['operate/sql.ts', ['nowhere'], 1],
  ['operate/rabbitmqctl.ts', ['nothing'], undefined],
  ['prove/faults/prove.ts', ['--orders', 'many'], 1],
  ['prove/fuzz/fuzz.ts', ['--requests', 'many'], 1],
  ['prove/bench/bench.ts', ['--only', 'nothing'], 1],
] as const)('%s %j ends quietly when its reader has left, with the status of its work', async (program, args, expected) => {
  const status = await runUnread(program, [...args]);
  expect([0, 1, 2]).toContain(status);
  if (expected !== undefined) expect(status).toBe(expected);
});
