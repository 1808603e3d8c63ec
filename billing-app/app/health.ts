import { Health } from '@crud-master/plumbing/health';
import type { Activity } from './activity.ts';
import type { Database } from './database.ts';

/** Milliseconds: less than the live page waits for what billing tells, which is to be that it is the database. */
const DATABASE_LIMIT = 400;

/** Billing is ready when it consumes and can store. Dead letters that cannot be written wait in the queue. */
export function billingHealth(activity: Activity, database: Database): Health {
  let checking: Promise<unknown> | undefined; // one at a time, however long a frozen database takes
  const check = async () => {
    checking ??= database.$queryRaw`SELECT message_id FROM handled_messages LIMIT 1`.finally(() => {
      checking = undefined;
    });
    await checking;
    return activity.databaseAway ? 'does not take orders' : undefined;
  };
  return new Health([
    { name: 'broker', check: () => activity.broker },
    { name: 'database', check, limit: DATABASE_LIMIT },
    { name: 'dead_letters', optional: true, check: () => (activity.lettersStuck ? 'cannot be written' : undefined) },
  ]);
}
