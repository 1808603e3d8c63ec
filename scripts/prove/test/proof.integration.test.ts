import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../local/home.ts';
import { withLock } from '../../local/lock.mjs';
import { prove } from '../proof.ts';
import { report } from '../report.ts';
import { startStack } from '../stack.ts';

/** Servers of its own, and not those that the other tests share: it kills them. */
const home = join(checkout, '.local', 'prove-in-tests');

test('every order that is answered 200 is stored exactly once, through twelve faults', { timeout: 300_000 }, ({ signal }) =>
  withLock(`${home}.lock`, async () => {
    const stack = await startStack(home, () => {});
    try {
      // With this seed a broker, a database, a gateway and a billing are killed.
      const proof = await prove(stack, { seed: 'npm-test-1029', orders: 600, faults: 12, signal, onProgress() {} });
      expect(proof.wrong, report(proof)).toEqual([]);
      expect(proof.outcomes.stored.orders).toBeGreaterThan(300);
    } finally {
      await stack.end();
      rmSync(home, { recursive: true, force: true });
    }
  }),
);
