import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

test.each([
  ['done', '', 0],
  ['thrown', 'throw new Error("no")', 1],
  ['ended by the user', 'process.exit(130)', 130],
])('a temporary folder is gone after work that is %s', (_, work, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'temporary-'));
  writeFileSync(join(folder, 'kept'), '');
  const program = `
    import { withTemporary } from ${JSON.stringify(new URL('../temporary.ts', import.meta.url).href)};
    await withTemporary(${JSON.stringify(folder)}, async () => { ${work} });`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  expect([status, existsSync(folder)]).toEqual([expected, false]);
});
