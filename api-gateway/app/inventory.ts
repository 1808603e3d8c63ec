import { Pool } from 'undici';

/** Kept-alive connections to inventory. */
export function inventoryPool({ origin, timeout }: { origin: string; timeout: number }): Pool {
  return new Pool(origin, {
    headersTimeout: 0, // the exchange has its own clock
    bodyTimeout: timeout,
    connect: { timeout },
  });
}
