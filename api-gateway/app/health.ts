import { type Finding, Health } from '@crud-master/plumbing/health';
import { getAlone } from './own-connection.ts';
import type { Publisher } from './publisher.ts';

const REASONS: Record<NonNullable<Publisher['obstacle']>, string> = {
  unreachable: 'is not connected',
  silent: 'does not confirm',
  blocked: 'is out of memory or disk',
  refused: 'does not allow this gateway to publish',
  missing: 'has no queue of orders',
};

/** The gateway is ready when it can serve films. While the broker is away it refuses orders, and says so in a warning. */
export const gatewayHealth = (inventoryOrigin: string, publisher: Pick<Publisher, 'obstacle'>): Health =>
  new Health([
    { name: 'inventory', check: (signal) => checkInventory(new URL('/readyz', inventoryOrigin), signal) },
    { name: 'broker', optional: true, check: () => publisher.obstacle && REASONS[publisher.obstacle] },
  ]);

/** Inventory's own answer goes on: that its database is away is the reason then. */
async function checkInventory(url: URL, signal: AbortSignal): Promise<Finding> {
  const { answer, body } = await getAlone({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    path: url.pathname,
    signal,
  });
  if (answer.statusCode === 200) return undefined;
  const { parts } = JSON.parse(body) as { parts: Record<string, { reason?: string }> };
  const reasons = Object.entries(parts).flatMap(([name, { reason }]) => (reason ? [`its ${name} ${reason}`] : []));
  return reasons.join('; ') || 'is not ready';
}
