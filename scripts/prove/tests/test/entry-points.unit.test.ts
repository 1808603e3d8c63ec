import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';

test.each(['api-gateway', 'inventory-app', 'billing-app'])(
  'node server.ts in %s, with a Node that cannot run TypeScript, is one sentence',
  (service) => {
    const { status, stderr } = spawnSync(process.execPath, ['--no-experimental-strip-types', 'server.ts'], {
      cwd: join(checkout, service),
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^Node \S+ cannot run TypeScript: .* npm start, in the folder above, .*\n$/);
    expect(status).toBe(1);
  },
);
