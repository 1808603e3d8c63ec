import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';
import { withLock } from '../../../run/servers/lock.mjs';
import { prove } from '../proof.ts';
import { report } from '../report.ts';
import { startStack } from '../stack.ts';

/** Servers of its own, and not those that the other tests share: it kills them. */
const home = join(checkout, '.local', 'prove-in-tests');

test('every order that is answered 200 is stored exactly once, through ten faults', { timeout: 600_000 }, ({ signal }) =>
  withLock(`${home}.lock`, async () => {
    const stack = await startStack(home, () => {});
    try {
      // With this seed broker, database, gateway and billing are killed, each once.
      const proof = await prove(stack, { seed: 'npm-test-13799', orders: 600, faults: 10, signal, onProgress() {} });
      expect(proof.wrong, report(proof)).toEqual([]);
      expect(proof.outcomes.stored.orders).toBeGreaterThan(300);
    } finally {
      await stack.end();
      rmSync(home, { recursive: true, force: true });
    }
  }),
);
