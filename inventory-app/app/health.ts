import { Health } from '@crud-master/plumbing/health';
import type { Database } from './database.ts';

/** Milliseconds: less than the gateway waits for the answer, which is to be that it is the database. */
const DATABASE_LIMIT = 700;

/** Inventory is ready when it can read films. */
export const inventoryHealth = (database: Pick<Database, 'check'>): Health =>
  new Health([{ name: 'database', check: () => database.check(), limit: DATABASE_LIMIT }]);
