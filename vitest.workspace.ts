import { defineConfig } from 'vitest/config';

/** What a garbage collector promotes depends on how quick the processor is. */
const ALONE = 'scripts/prove/collector/**/*.integration.test.ts';

/** What each kind of test needs and how long it may take. The kinds run one after the other: they share the processors. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          maxWorkers: 2, // as the integration tests: else one fewer than there are processors
          include: ['*/test/**/*.unit.test.ts', 'scripts/**/*.unit.test.ts'],
          testTimeout: 30_000, // property tests, on a busy machine
        },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          maxWorkers: 2, // most of them wait most of the time
          include: ['*/test/**/*.integration.test.ts', 'scripts/**/*.integration.test.ts'],
          exclude: [ALONE],
          globalSetup: ['scripts/prove/tests/services.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          execArgv: ['--disable-warning=DEP0060'], // http-proxy uses util._extend
          expect: { poll: { timeout: 20_000 } }, // what is waited for comes; on a busy machine later
        },
      },
      {
        test: {
          name: 'alone',
          sequence: { groupOrder: 2 },
          include: [ALONE],
          globalSetup: ['scripts/prove/tests/services.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'contract',
          sequence: { groupOrder: 3 },
          include: ['*/test/**/*.contract.test.ts'],
          globalSetup: ['scripts/prove/tests/stack.ts'],
          fileParallelism: false, // one stack for all, and one of the tests empties the catalogue
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'tour', // npm run test:tour, no part of npm test
          sequence: { groupOrder: 3 },
          include: ['scripts/prove/tour/test/*.tour.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'alerts', // npm run test:alerts, no part of npm test
          sequence: { groupOrder: 3 },
          include: ['scripts/prove/alerts/test/*.alerts.test.ts'],
          globalSetup: ['scripts/prove/tests/services.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
});
