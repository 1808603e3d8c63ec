import type { Service } from '@crud-master/plumbing/lifecycle';
import type { Logger } from '@crud-master/plumbing/log';
import type { Config } from './config.ts';
import { consume } from './consumer.ts';
import { createDatabase } from './database.ts';
import { createIsolatedReader } from './isolated-reader.ts';
import type { ReadOrder } from './order.ts';
import { forgetMessageIds, storeOrders } from './orders.ts';
import { createPatientStore } from './patient-store.ts';
import { openSession } from './session.ts';
import { createSettle } from './settle.ts';

const HOUR = 3_600_000;

/**
 * Takes orders from the queue into the database until it is closed. Returns at once, whether the broker and the database are
 * there or not: it finds them when they come. `reader` is a module with a `readOrder`: a child process imports it too.
 */
export async function startBilling(
  config: Config,
  log: Logger,
  reader = new URL('./order.ts', import.meta.url),
): Promise<Service> {
  const { readOrder } = (await import(reader.href)) as { readOrder: ReadOrder };
  const database = createDatabase(config.database);
  const isolatedReader = createIsolatedReader(reader);
  const { broker, maxMessageBytes } = config;

  const consumer = consume({
    openSession: (prefetch, deliver) => openSession(broker, prefetch, deliver),
    settle: createSettle({
      readOrder,
      isolatedReader,
      store: createPatientStore((incoming) => storeOrders(database, incoming), log),
      maxMessageBytes,
      log,
    }),
    queue: broker.queue,
    prefetch: broker.prefetch,
    maxMessageBytes,
    log,
  });

  const prune = async () => {
    try {
      const forgotten = await forgetMessageIds(database, config.messageIdRetentionDays);
      if (forgotten > 0) log.info({ forgotten }, 'old message ids forgotten');
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'old message ids could not be pruned, trying again in an hour');
    }
  };
  prune();
  const pruning = setInterval(prune, HOUR);

  return {
    log,
    async close() {
      clearInterval(pruning);
      await consumer.close();
      isolatedReader.close();
      await Promise.race([database.$disconnect(), new Promise((resolve) => setTimeout(resolve, 1000))]);
    },
  };
}
