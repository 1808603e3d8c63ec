import type { Logger } from '@crud-master/plumbing/log';
import type { Span } from '@crud-master/plumbing/spans';
import type { Activity } from './activity.ts';
import { isRefusal } from './database.ts';
import type { IncomingOrder, Outcome } from './order-store.ts';
import { createPatience } from './patience.ts';

/** What became of an order in the end: the database has it, or refuses it. */
export type FinalOutcome = Outcome | { refused: string };

/**
 * Stores orders through any trouble of the database: away, frozen, read-only, full, out of connections, half migrated. What the
 * database does not blame on the values is not the orders' fault, and waits. Only a batch that holds a refused order is
 * divided, until that one stands alone.
 */
export function createPatientStore(
  store: (incoming: IncomingOrder[], span?: Span) => Promise<Outcome[]>,
  activity: Pick<Activity, 'storing' | 'databaseAway'>,
  log: Logger,
) {
  const patience = createPatience();

  return async function storeAll(incoming: IncomingOrder[], signal: AbortSignal, span?: Span): Promise<FinalOutcome[]> {
    for (;;) {
      signal.throwIfAborted();
      try {
        activity.storing(true);
        const outcomes = await store(incoming, span).finally(() => activity.storing(false));
        available();
        return outcomes;
      } catch (error) {
        if (isRefusal(error)) {
          available();
          if (incoming.length === 1) return [{ refused: lastLine(error) }];
          const middle = incoming.length >> 1;
          const [before, after] = [incoming.slice(0, middle), incoming.slice(middle)];
          return [...(await storeAll(before, signal, span)), ...(await storeAll(after, signal, span))];
        }
        unavailable(error);
        await patience.wait(signal);
      }
    }
  };

  function available(): void {
    if (activity.databaseAway) log.info('database available again');
    activity.databaseAway = false;
    patience.reset();
  }

  function unavailable(error: unknown): void {
    if (!activity.databaseAway) log.warn({ reason: lastLine(error) }, 'orders cannot be stored now, they wait in the queue');
    activity.databaseAway = true;
  }
}

/** Prisma puts the database's own words behind an account of the call. */
function lastLine(error: unknown): string {
  return String((error as Error).message)
    .trimEnd()
    .split('\n')
    .at(-1)!
    .slice(0, 500);
}
