import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';
import { databases } from '../migrations.ts';

describe.each(databases)('the migrations of $app', ({ app }) => {
  const folder = join(checkout, app, 'prisma', 'migrations');

  test('are those of checksums.txt: what was applied somewhere never changes, a new migration adds a line', () => {
    const names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    const lines = names.map((name) => {
      const sql = readFileSync(join(folder, name, 'migration.sql'));
      return `${createHash('sha256').update(sql).digest('hex')}  ${name}/migration.sql\n`;
    });
    expect(readFileSync(join(folder, 'checksums.txt'), 'utf8')).toBe(lines.join(''));
  });
});
