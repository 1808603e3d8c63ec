import type { RunStatement } from '@crud-master/plumbing/statement-spans';
import { type Database, isDuplicate } from './database.ts';
import { Prisma } from './generated/client.ts';
import type { Order } from './read-order.ts';

export interface IncomingOrder {
  messageId: string;
  /** SHA-256 of the message's content, in hexadecimal. */
  contentHash: string;
  order: Order;
}

/** `stored` now with that id, `known` from an earlier delivery, or `conflict`: the id belongs to another content. */
export type Outcome = { stored: number } | 'known' | 'conflict';

/**
 * Stores each order exactly once, all of them in one statement and so in one transaction: the message ids that are new are
 * remembered, and their orders inserted. Answers in the order of `incoming`.
 * When the outcome is unknown (the connection broke during the commit), call it again: what was stored is `known` then.
 */
export async function storeOrders(
  database: Database,
  incoming: IncomingOrder[],
  run: RunStatement = untraced,
): Promise<Outcome[]> {
  const first = new Map<string, IncomingOrder>();
  for (const one of incoming) if (!first.has(one.messageId)) first.set(one.messageId, one);

  const unique = [...first.values()];
  // Mostly all are new, and a plain insert then takes a fifth less of its time.
  const insertAll = (known: Prisma.Sql) => run('INSERT', 'orders', () => insert(database, unique, known));
  const fresh = await insertAll(ALL_NEW).catch((error) => {
    if (!isDuplicate(error)) throw error;
    return insertAll(SOME_KNOWN);
  });
  const old = [...first.keys()].filter((id) => !fresh.has(id));
  const hashes = old.length === 0 ? NONE : await run('SELECT', 'handled_messages', () => rememberedHashes(database, old));
  if (hashes.size < old.length) return storeOrders(database, incoming, run); // forgotten (pruned) between the two statements
  if (old.length > 0) await run('SELECT', 'pg_logical_emit_message', () => reachStandby(database));
  return incoming.map((one) => {
    const original = first.get(one.messageId)!;
    const id = fresh.get(one.messageId);
    if (id !== undefined && one === original) return { stored: id };
    const hash = id === undefined ? hashes.get(one.messageId) : original.contentHash;
    return hash === one.contentHash ? 'known' : 'conflict';
  });
}

const untraced: RunStatement = (_operation, _table, run) => run();
const NONE: ReadonlyMap<string, string> = new Map();
const ALL_NEW = Prisma.empty;
const SOME_KNOWN = Prisma.sql`ON CONFLICT (message_id) DO NOTHING`;

/** The ids of the orders that are stored now, by message id. */
async function insert(database: Database, incoming: IncomingOrder[], known: Prisma.Sql): Promise<Map<string, number>> {
  const messageIds = arrayOf(incoming.map(({ messageId }) => `"${messageId.replace(/["\\]/g, '\\$&')}"`));
  const hashes = arrayOf(incoming.map(({ contentHash }) => contentHash));
  const userIds = arrayOf(incoming.map(({ order }) => order.userId));
  const numbers = arrayOf(incoming.map(({ order }) => order.numberOfItems));
  const amounts = arrayOf(incoming.map(({ order }) => order.totalAmount));
  // Ids are remembered in sorted order: two instances with the same messages then wait for each other, not in a deadlock.
  const [row] = await database.$queryRaw<[{ fresh: string | null }]>`
    WITH incoming AS (
      SELECT *
      FROM unnest(${messageIds}::text[], ${hashes}::text[], ${userIds}::int[], ${numbers}::int[], ${amounts}::numeric[])
        WITH ORDINALITY AS message (message_id, content_hash, user_id, number_of_items, total_amount, position)
    ), remembered AS (
      INSERT INTO handled_messages (message_id, content_hash)
      SELECT message_id, decode(content_hash, 'hex') FROM incoming ORDER BY message_id
      ${known}
      RETURNING message_id
    ), fresh AS MATERIALIZED (
      SELECT nextval('orders_id_seq')::int AS id, * FROM (
        SELECT incoming.* FROM incoming JOIN remembered USING (message_id) ORDER BY position
      ) AS arrived
    ), stored AS (
      INSERT INTO orders (id, user_id, number_of_items, total_amount)
      SELECT id, user_id, number_of_items, total_amount FROM fresh ORDER BY id
    )
    SELECT json_object_agg(message_id, id)::text AS fresh FROM fresh`;
  return new Map(Object.entries<number>(JSON.parse(row.fresh ?? '{}')));
}

/**
 * PostgreSQL's text form of an array. Prisma and pg take more time over the elements of a JavaScript array, and over the rows of
 * an answer, than everything else here takes together: hence text in and one row out.
 */
function arrayOf(elements: (string | number)[]): string {
  return `{${elements.join(',')}}`;
}

async function rememberedHashes(database: Database, messageIds: string[]): Promise<Map<string, string>> {
  const rows = await database.$queryRaw<{ message_id: string; hash: string }[]>`
    SELECT message_id, encode(content_hash, 'hex') AS hash FROM handled_messages WHERE message_id = ANY(${messageIds}::text[])`;
  return new Map(rows.map(({ message_id, hash }) => [message_id, hash]));
}

/**
 * Waits until the synchronous standby, where there is one, has every commit that was visible before. After a crash PostgreSQL also
 * shows rows whose commit still waited for the standby, and would lose them in a failover: their messages must stay in the queue.
 * This commit waits as theirs did, and PostgreSQL's log reaches the standby in its order.
 * The lock (no other has its number here) lets one wait at a time: no timeout ends a session whose commit waits, so that each
 * attempt would leave one more in the server.
 */
async function reachStandby(database: Database): Promise<void> {
  await database.$executeRaw`SELECT pg_advisory_xact_lock(1), pg_logical_emit_message(true, 'billing', '')`;
}

/** Rows deleted by one statement, so that pruning never holds up storing. */
const PRUNE_AT_ONCE = 1000;

/** Forgets message ids that are older than `days`; answers how many. */
export async function forgetMessageIds(database: Database, days: number): Promise<number> {
  let forgotten = 0;
  for (let deleted = PRUNE_AT_ONCE; deleted === PRUNE_AT_ONCE; forgotten += deleted) {
    deleted = await database.$executeRaw`
      DELETE FROM handled_messages WHERE message_id IN (
        SELECT message_id FROM handled_messages
        WHERE handled_at < now() - make_interval(days => ${days}::int)
        LIMIT ${PRUNE_AT_ONCE}
      )`;
  }
  return forgotten;
}
