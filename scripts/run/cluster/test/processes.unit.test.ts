import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { dataOf, type Node } from '../layout.ts';
import { freezeNode, frozenProgramsOf, killNode, MARK, processesOf, thawNode } from '../processes.ts';

let node: Node;
const started: ChildProcess[] = [];
beforeEach(() => {
  node = { name: 'node-1', address: '127.1.2.3', folder: mkdtempSync(join(tmpdir(), 'processes-')) };
  mkdirSync(dataOf(node), { recursive: true });
  mkdirSync(join(node.folder, 'pm2/logs'), { recursive: true });
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(node.folder, { recursive: true });
});

function start(cwd: string, env: Record<string, string> = {}): ChildProcess {
  const child = spawn('sleep', ['600'], { cwd, env: { PATH: process.env.PATH!, ...env } });
  started.push(child);
  return child;
}

test("a node's processes are those with its mark, and PostgreSQL's by where they work; nobody's who reads its logs", async () => {
  const [marked, database] = [start('/', { [MARK]: node.folder }), start(dataOf(node))];
  const reader = start(join(node.folder, 'pm2/logs'));
  const another = start('/', { [MARK]: `${node.folder}-2` });
  expect(processesOf(node).sort()).toEqual([marked.pid, database.pid].sort());
  await killNode(node);
  await expect.poll(() => [marked, database].map(({ signalCode }) => signalCode)).toEqual(['SIGKILL', 'SIGKILL']);
  expect([reader, another].map(({ signalCode, exitCode }) => signalCode ?? exitCode)).toEqual([null, null]);
});

test.runIf(process.platform === 'linux')('what stands still is named, until it goes on', async () => {
  start('/', { [MARK]: node.folder });
  expect(frozenProgramsOf(node)).toEqual([]);
  freezeNode(node);
  await expect.poll(() => frozenProgramsOf(node)).toEqual(['sleep']);
  expect(thawNode(node)).toBe(true);
  await expect.poll(() => frozenProgramsOf(node)).toEqual([]);
});
