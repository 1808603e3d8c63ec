import type { Service } from '@crud-master/plumbing/lifecycle';
import type { Logger } from '@crud-master/plumbing/log';
import type { Spans } from '@crud-master/plumbing/spans';
import { traceStatements } from '@crud-master/plumbing/statement-spans';
import type { Config } from './config.ts';
import { consume } from './consumer.ts';
import { openDatabase, sqlState } from './database.ts';
import { forgetMessageIds, storeOrders } from './order-store.ts';
import { createPatientStore } from './patient-store.ts';
import { openSession } from './session.ts';

const HOUR = 3_600_000;

/**
 * Takes orders from the queue into the database until it is closed. Returns at once, whether the broker and the database are
 * there or not: it finds them when they come.
 */
export function startBilling(config: Config, log: Logger, spans?: Spans): Service {
  const database = openDatabase(config.database);
  const place = { ...config.database, name: config.database.database };
  const { broker, maxMessageBytes } = config;
  const consumer = consume({
    openSession: (prefetch, deliver) => openSession(broker, prefetch, deliver),
    store: createPatientStore(
      (incoming, span) => storeOrders(database, incoming, span && traceStatements(span, place, sqlState)),
      log,
    ),
    queue: broker.queue,
    prefetch: broker.prefetch,
    maxMessageBytes,
    log,
    spans,
  });

  const prune = async () => {
    try {
      const forgotten = await forgetMessageIds(database, config.messageIdRetentionDays);
      if (forgotten > 0) log.info({ forgotten }, 'old message ids forgotten');
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'old message ids could not be forgotten, retrying in an hour');
    }
  };
  prune();
  const pruning = setInterval(prune, HOUR);

  return {
    log,
    async close() {
      clearInterval(pruning);
      await consumer.close();
      await Promise.race([database.$disconnect(), new Promise((resolve) => setTimeout(resolve, 1000))]);
      await spans?.close();
    },
  };
}
