import type { Watch } from '@crud-master/plumbing/access-log';
import type { Health } from '@crud-master/plumbing/health';
import { Metrics, requestMetrics } from '@crud-master/plumbing/metrics';
import type { Spans } from '@crud-master/plumbing/spans';
import type { Database } from './database.ts';

export function inventoryMetrics(
  health: Health,
  database: Pick<Database, 'usage'>,
  spans?: Pick<Spans, 'dropped'>,
): { metrics: Metrics; watch: Watch } {
  const metrics = new Metrics(health, spans);
  metrics.gauge('inventory_database_connections', 'Connections to the database', (set) => {
    const { busy, idle } = database.usage();
    set(busy, { state: 'busy' });
    set(idle, { state: 'idle' });
  });
  metrics.gauge('inventory_database_waiting', 'Queries that wait for a connection', (set) => set(database.usage().waiting));
  return { metrics, watch: requestMetrics(metrics) };
}
