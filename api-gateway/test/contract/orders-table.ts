import pg from 'pg';
import { ordersDatabase } from './stack.ts';

interface OrderRow {
  user_id: number;
  number_of_items: number;
  /** Text, so that its decimals show. */
  total_amount: string;
}

/** The table `orders` of the stack under test; undefined where its database cannot be reached from here. */
export async function openOrdersTable() {
  if (!ordersDatabase) return undefined;
  const pool = new pg.Pool({ ...ordersDatabase, max: 2, connectionTimeoutMillis: 2000 });
  pool.on('error', () => {}); // an idle connection that is lost is replaced
  try {
    await pool.query('SELECT 1');
  } catch {
    await pool.end();
    return undefined;
  }

  async function rowsOf(userIds: number[]): Promise<OrderRow[]> {
    const { rows } = await pool.query(
      'SELECT user_id, number_of_items, total_amount::text FROM orders WHERE user_id = ANY($1) ORDER BY id',
      [userIds],
    );
    return rows;
  }

  return {
    rowsOf,
    /** Waits until there are as many rows, then once more whether it stays so; the queue may hold other orders first. */
    async arrived(userIds: number[], count: number): Promise<OrderRow[]> {
      const end = Date.now() + 20_000;
      while ((await rowsOf(userIds)).length < count && Date.now() < end) await pause(50);
      await pause(200);
      return rowsOf(userIds);
    },
    close: () => pool.end(),
  };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A number that no other order is likely to have, to find an order by. */
export const uniqueUserId = () => 1_000_000_000 + Math.floor(Math.random() * 1_147_483_647);
