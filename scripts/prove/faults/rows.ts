import type { Client } from 'pg';
import type { Row } from './ledger.ts';
import type { Stack } from './stack.ts';

/** The table of orders, read past the relays. */
export interface OrdersTable {
  all(): Promise<Row[]>;
  /** Whether one of these users' orders is stored. False also while the database is away. */
  hasAny(userIds: number[]): Promise<boolean>;
  close(): Promise<void>;
}

export function openOrdersTable(stack: Stack): OrdersTable {
  let client: Client | undefined;

  async function query<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    try {
      client ??= await stack.postgres.connect(stack.environment.ORDERS_DB_NAME!);
      return (await client.query<T>(sql, values)).rows;
    } catch (error) {
      client?.end().catch(() => {});
      client = undefined;
      throw error;
    }
  }

  return {
    all: () =>
      query<Row>(`SELECT id, user_id AS "userId", number_of_items AS "numberOfItems", total_amount::text AS "totalAmount"
                  FROM orders ORDER BY id`),
    async hasAny(userIds) {
      try {
        return (await query('SELECT FROM orders WHERE user_id = ANY($1) LIMIT 1', [userIds])).length > 0;
      } catch {
        return false;
      }
    },
    async close() {
      await client?.end().catch(() => {});
    },
  };
}
