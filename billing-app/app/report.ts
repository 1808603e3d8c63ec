import type { Health } from '@crud-master/plumbing/health';
import type { Activity } from './activity.ts';
import type { Database } from './database.ts';

/**
 * What billing tells the live page on its port of its own: `/state`, and at `/orders/MESSAGE_ID` what became of that order.
 * Nothing there changes anything.
 */
export function billingReport(health: Health, activity: Activity, database: Pick<Database, 'handledMessage'>) {
  let asked = false;
  return async (path: string): Promise<object | undefined> => {
    if (path === '/state') {
      const { parts } = await health.ready();
      return { parts, in_hand: activity.inHand, parked: activity.parked, newest: activity.newest };
    }
    const messageId = messageIdIn(path);
    if (messageId === undefined) return undefined;
    if (asked) return { state: 'unknown' }; // one question at a time: they share two connections with the storing
    asked = true;
    return orderState(messageId, activity, database)
      .catch(() => ({ state: 'unknown' })) // the database is away, and the log says so
      .finally(() => {
        asked = false;
      });
  };
}

function messageIdIn(path: string): string | undefined {
  try {
    const [, encoded] = /^\/orders\/([^/]+)$/.exec(path) ?? [];
    return encoded === undefined ? undefined : decodeURIComponent(encoded);
  } catch {
    return undefined; // no UTF-8
  }
}

async function orderState(messageId: string, activity: Activity, database: Pick<Database, 'handledMessage'>): Promise<object> {
  const parked = activity.newest.find(({ message_id }) => message_id === messageId);
  if (parked) return { state: 'parked', kind: parked.kind, reason: parked.reason };
  if (messageId.includes('\0')) return { state: 'waiting' };
  const known = await database.handledMessage.findUnique({ where: { messageId }, select: { messageId: true } });
  return { state: known ? 'stored' : 'waiting' };
}
