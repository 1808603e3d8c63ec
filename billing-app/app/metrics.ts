import type { Health } from '@crud-master/plumbing/health';
import { Metrics } from '@crud-master/plumbing/metrics';
import type { Spans } from '@crud-master/plumbing/spans';
import type { Activity } from './activity.ts';

/** Orders in one statement, up to the most (consumer.ts). */
const BATCHES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/** Seconds: clients post by the second, so that less is not known. */
const AGES = [1, 2, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400];

export function billingMetrics(health: Health, activity: Activity, spans: Pick<Spans, 'dropped'> | undefined): Metrics {
  const metrics = new Metrics(health, spans);
  metrics.counters(
    'billing_orders_total',
    'Orders acknowledged: stored now, or known from an earlier delivery',
    'outcome',
    () => activity.counts,
  );
  metrics.counters('billing_parked_total', 'Messages moved to the dead letters, by kind', 'kind', () => activity.parked);
  metrics.gauge('billing_messages_in_hand', 'Messages delivered and not acknowledged', (set) => set(activity.inHand));
  metrics.gauge('billing_consuming', 'Whether this process consumes the queue: 1, or 0', (set) => set(activity.broker ? 0 : 1));
  const batches = metrics.histogram('billing_batch_orders', 'Orders stored by one statement', BATCHES);
  const times = metrics.histogram(
    'billing_store_seconds',
    'From a batch that was read until it is stored, waits for the database included',
  );
  const ages = metrics.histogram(
    'billing_order_age_seconds',
    'From the second in which an order was posted until it is stored',
    AGES,
  );
  activity.on('stored', ({ orders, seconds, done }) => {
    if (orders > 0) {
      batches.observe(orders);
      times.observe(seconds);
    }
    const now = Date.now() / 1000;
    for (const { message, orderId } of done) {
      const { timestamp } = message.properties;
      if (orderId !== undefined && typeof timestamp === 'number') ages.observe(Math.max(0, now - timestamp));
    }
  });
  return metrics;
}
