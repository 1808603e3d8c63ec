import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.ts';

export type Database = ReturnType<typeof openDatabase>;

interface DatabaseAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
}

/**
 * Does not connect: the first statement does. Times are milliseconds and bound what a frozen database can hold up.
 * A statement has failed, too, when somebody cancelled its commit's wait for the synchronous standby: PostgreSQL then only warns, and
 * reports success, though a failover may still lose that commit.
 */
export function openDatabase(address: DatabaseAddress) {
  let cancelled: { message?: string | undefined } | undefined;
  const adapter = new PrismaPg({
    ...address,
    application_name: 'billing_app',
    max: 2, // orders are stored one batch after the other; the second is for pruning, and for what is asked
    connectionTimeoutMillis: 2000,
    query_timeout: 10_000,
    statement_timeout: 10_000, // the server's side of the same, so that it does not go on for nobody
    keepAlive: true,
    idleTimeoutMillis: 0, // who is connected stays, while the password is changed on one of three nodes after the other
    onConnect: (client) => {
      client.on('notice', (notice) => {
        if (notice.routine === STANDBY_WAIT) cancelled = notice;
      });
    },
  });
  return new PrismaClient({ adapter }).$extends({
    query: {
      async $allOperations({ args, query }) {
        const before = cancelled;
        const result = await query(args);
        if (cancelled !== before) throw new Error(cancelled?.message);
        return result;
      },
    },
  });
}

/** The function of PostgreSQL's that waits, and warns: it has the same name in every language of the messages. */
const STANDBY_WAIT = 'SyncRepWaitForLSN';

/** SQLSTATEs that a message's own values can cause; every other failure is the database's, and passes. */
const DATA_ERRORS = new Set(['22001', '22003', '22021', '22P02', '22P05', '23502', '23503', '23514']);

/** Whether the database looked at the values and refused them. */
export function isRefusal(error: unknown): boolean {
  return DATA_ERRORS.has(sqlState(error) ?? '');
}

/** Whether a row with that key is there already. */
export function isDuplicate(error: unknown): boolean {
  return sqlState(error) === '23505';
}

export function sqlState(error: unknown): string | undefined {
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: { originalCode?: string } } } };
  return meta?.driverAdapterError?.cause?.originalCode;
}
