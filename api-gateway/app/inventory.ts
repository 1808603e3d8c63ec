import { Pool } from 'undici';

/** Milliseconds that a connection may take. A machine that is off does not refuse it: only silence tells. */
const CONNECT_TIMEOUT = 1500;

/** Kept-alive connections to inventory. */
export function inventoryPool({ origin, timeout }: { origin: string; timeout: number }): Pool {
  return new Pool(origin, {
    headersTimeout: 0, // the exchange has its own clock
    bodyTimeout: timeout,
    connect: { timeout: Math.min(CONNECT_TIMEOUT, timeout / 2) }, // less than the exchange waits, to know which of the two it was
  });
}
