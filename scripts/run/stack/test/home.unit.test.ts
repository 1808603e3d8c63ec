import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { requireOwner } from '../home.ts';

const NOBODY = 65534;

test.skipIf(process.getuid!() !== 0)("a stack of root's is refused to others in one sentence, and to root is not", () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const script = `process.setuid(${NOBODY}); home.requireOwner(${JSON.stringify(home)});`;
  const module = new URL('../home.ts', import.meta.url).href;
  // As root, so that it can read the project's files wherever they are; only the question is another user's.
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', `import * as home from '${module}'; ${script}`], {
    encoding: 'utf8',
  });
  expect(stderr).toContain(`${home} belongs to root, who started the stack of this checkout. Work as that user (sudo npm …)`);
  expect(() => requireOwner(home)).not.toThrow();
});

test('a home that is not there yet is nobody else’s', () => {
  expect(() => requireOwner('/nowhere')).not.toThrow();
});
