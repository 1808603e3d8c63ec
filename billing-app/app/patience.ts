import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Milliseconds before the next attempt at something that is away: 500, 1000, then 2000, so that nothing spins
 * and what has come back is found within three seconds.
 */
export function createPatience() {
  let next = 500;
  return {
    /** Rejects as soon as the signal aborts. */
    async wait(signal: AbortSignal): Promise<void> {
      const delay = next;
      next = Math.min(next * 2, 2000);
      await sleep(delay, undefined, { signal });
    },
    reset(): void {
      next = 500;
    },
  };
}
