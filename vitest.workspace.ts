import { defineConfig } from 'vitest/config';

/** What each kind of test needs and how long it may take. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['*/test/**/*.unit.test.ts', 'scripts/**/*.unit.test.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['*/test/**/*.integration.test.ts', 'scripts/**/*.integration.test.ts'],
          globalSetup: ['scripts/testing/services.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'contract',
          include: ['*/test/**/*.contract.test.ts'],
          globalSetup: ['scripts/testing/stack.ts'],
          fileParallelism: false, // one stack for all, and one of the tests empties the catalogue
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
