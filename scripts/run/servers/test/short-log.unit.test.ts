import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { beginShort } from '../short-log.ts';

test('a log that is long begins anew, and the last one stays beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'short-log-'));
  const log = join(folder, 'server.log');
  beginShort(log); // there is none yet
  writeFileSync(`${log}.old`, 'before');
  writeFileSync(log, 'short');
  beginShort(log);
  expect(readFileSync(log, 'utf8')).toBe('short');
  truncateSync(log, 30_000_000);
  beginShort(log);
  expect(existsSync(log)).toBe(false);
  expect(readFileSync(`${log}.old`, 'utf8')).toMatch(/^short/);
  rmSync(folder, { recursive: true });
});
