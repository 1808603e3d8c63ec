import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Finding, Health } from '@crud-master/plumbing/health';
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

/**
 * Inventory's own answer goes on: that its database is away is the reason then. On a connection of its own, and not through the
 * films' pool: a second kind of request there makes each film some per cent dearer.
 */
async function checkInventory(url: URL, signal: AbortSignal): Promise<Finding> {
  const request = get(url, { agent: false, signal }).on('error', () => {}); // `once` reports what fails before the answer, `text` what fails in it
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const report = await text(answer);
  if (answer.statusCode === 200) return undefined;
  const { parts } = JSON.parse(report) as { parts: Record<string, { reason?: string }> };
  const reasons = Object.entries(parts).flatMap(([name, { reason }]) => (reason ? [`its ${name} ${reason}`] : []));
  return reasons.join('; ') || 'is not ready';
}
