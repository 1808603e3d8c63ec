import { type Finding, Health } from '@crud-master/plumbing/health';
import type { Dispatcher } from 'undici';
import type { Publisher } from './publisher.ts';

const REASONS: Record<NonNullable<Publisher['obstacle']>, string> = {
  unreachable: 'is not connected',
  silent: 'does not confirm',
  blocked: 'is out of memory or disk',
  refused: 'does not allow this gateway to publish',
  missing: 'has no queue of orders',
};

/** The gateway is ready when it can serve films. While the broker is away it refuses orders, and says so in a warning. */
export const gatewayHealth = (inventory: Dispatcher, publisher: Pick<Publisher, 'obstacle'>): Health =>
  new Health([
    { name: 'inventory', check: () => checkInventory(inventory) },
    { name: 'broker', optional: true, check: () => publisher.obstacle && REASONS[publisher.obstacle] },
  ]);

/** Inventory's own answer goes on: that its database is away is the reason then. */
async function checkInventory(inventory: Dispatcher): Promise<Finding> {
  const { statusCode, body } = await inventory.request({ method: 'GET', path: '/readyz' });
  if (statusCode === 200) return body.dump().then(() => undefined);
  const { parts } = (await body.json()) as { parts: Record<string, { reason?: string }> };
  const reasons = Object.entries(parts).flatMap(([name, { reason }]) => (reason ? [`its ${name} ${reason}`] : []));
  return reasons.join('; ') || 'is not ready';
}
