import { renameSync, statSync } from 'node:fs';

/** Bytes, as of a service's log. */
const MOST = 20 * 1024 * 1024;

/**
 * Gives a log that has become long another name, in place of the one that had it before. For what its writer never opens anew
 * (PostgreSQL, PM2), so before that starts.
 */
export function beginShort(log: string): void {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > MOST) renameSync(log, `${log}.old`);
}
