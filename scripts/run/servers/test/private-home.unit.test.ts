import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../checkout.mjs';
import { privateHome } from '../private-home.mjs';

test('Prisma leaves nothing in the home and in the temporary folder of the user', () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  const env = { ...process.env, HOME: home, TMPDIR: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  execFileSync(process.execPath, [join(checkout, 'node_modules/prisma/build/index.js'), 'validate'], {
    cwd: join(checkout, 'inventory-app'),
    env: { ...env, CHECKPOINT_DISABLE: '1', ...privateHome() },
    stdio: 'ignore',
  });
  expect(readdirSync(home)).toEqual([]);
  rmSync(home, { recursive: true });
});
