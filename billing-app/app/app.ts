import type { Service } from '@crud-master/plumbing/lifecycle';
import type { Logger } from '@crud-master/plumbing/log';
import type { Spans } from '@crud-master/plumbing/spans';
import { traceStatements } from '@crud-master/plumbing/statement-spans';
import { startStatusServer } from '@crud-master/plumbing/status-server';
import { Activity } from './activity.ts';
import type { Config } from './config.ts';
import { consume } from './consumer.ts';
import { openDatabase, sqlState } from './database.ts';
import { billingHealth } from './health.ts';
import { billingMetrics } from './metrics.ts';
import { forgetMessageIds, storeOrders } from './order-store.ts';
import { createPatientStore } from './patient-store.ts';
import { billingReport } from './report.ts';
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
  const activity = new Activity();
  const health = billingHealth(activity, database);
  const status = startStatusServer(config.status, {
    health,
    metrics: billingMetrics(health, activity, spans),
    more: billingReport(health, activity, database),
    log,
  });
  const consumer = consume({
    openSession: (prefetch, deliver) => openSession(broker, prefetch, deliver),
    store: createPatientStore(
      (incoming, span) => storeOrders(database, incoming, span && traceStatements(span, place, sqlState)),
      activity,
      log,
    ),
    queue: broker.queue,
    prefetch: broker.prefetch,
    maxMessageBytes,
    activity,
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
    stuck: () => activity.stuck,
    async close() {
      status.close();
      clearInterval(pruning);
      await consumer.close();
      await Promise.race([database.$disconnect(), new Promise((resolve) => setTimeout(resolve, 1000))]);
      await spans?.close();
    },
  };
}
