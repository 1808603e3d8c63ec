import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failsToStart, reasonIn } from '../start-watch.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'start-watch-'));
  mkdirSync(join(home, 'pm2', 'logs'), { recursive: true });
});
afterAll(() => rmSync(home, { recursive: true }));

test.each([
  [
    ['file:///x/app.ts:57', 'syntax error here', '       ^', '', 'SyntaxError: Unexpected identifier'],
    'SyntaxError: Unexpected identifier',
  ],
  [['billing_app: port 80 is taken.'], 'billing_app: port 80 is taken'],
  [['{"level":"fatal","time":"2026-11-26T12:00:00Z","err":{"message":"no way"},"msg":"could not start"}'], 'no way'],
])('the reason in %j is the sentence', (lines, reason) => {
  expect(reasonIn(lines)).toBe(reason);
});

test('a service that complains while it starts is given up after a moment, one that only logs is not', async () => {
  const end = new AbortController();
  const log = (kind: string) => join(home, 'pm2', 'logs', `inventory-app-${kind}.log`);
  appendFileSync(log('error'), 'Error: of an earlier start\n');
  let problem = '';
  const failing = failsToStart(home, 'inventory_app', end.signal).then((text) => {
    problem = text;
  });
  await new Promise((resolve) => setTimeout(resolve, 300)); // it has looked where the logs end
  appendFileSync(log('out'), '{"level":"info","time":"2026-11-26T12:00:00Z","msg":"ready"}\n');
  appendFileSync(log('error'), '(node:12) Warning: careful\n');
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(problem).toBe('');
  appendFileSync(log('error'), 'Error: of this one\n');
  await failing;
  expect(problem).toMatch(/^inventory_app does not start: Error: of this one\. npm run logs -- --service inventory_app/);
  end.abort();
});
