import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';

const program = "import { confirm } from './scripts/run/terminal/confirm.ts'; console.log(String(await confirm('Really?', '')));";

/** Answers on a terminal (script(1)), once the question is there. Gives what stood on it. */
async function answer(keys: string): Promise<string> {
  const command = `"${process.execPath}" --input-type=module --eval "${program}"`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: checkout, stdio: ['pipe', 'pipe', 'inherit'] });
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    if (!seen.includes('[y/N]') && (seen + text).includes('[y/N]')) child.stdin.write(keys);
    seen += text;
  });
  await once(child, 'close');
  return seen;
}

const hasTerminals = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

test.runIf(hasTerminals).concurrent.each([
  ['y\r', true],
  ['YES\r', true],
  ['\r', false],
  ['n\r', false],
  ['yep\r', false],
  ['\u0003', false],
  ['\u0004', false],
])('%j on a terminal means %s', async (keys, agreed) => {
  const seen = await answer(keys);
  expect(seen).toContain(`\n${agreed}`);
  expect(seen).not.toContain('Error');
});
