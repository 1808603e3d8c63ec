import { type Finding, Health } from '@crud-master/plumbing/health';
import { REASONS } from './broker.ts';
import type { BrokerLinks } from './broker-links.ts';
import { getAlone } from './own-connection.ts';
import type { Publisher } from './publisher.ts';

/** The gateway is ready when it can serve films. While the broker is away it refuses orders, and says so in a warning. */
export const gatewayHealth = (
  inventoryOrigin: string,
  publisher: Pick<Publisher, 'obstacle'>,
  links: Pick<BrokerLinks, 'counts'>,
): Health =>
  new Health([
    { name: 'inventory', check: (signal) => checkInventory(new URL('/readyz', inventoryOrigin), signal) },
    { name: 'broker', optional: true, check: () => publisher.obstacle && REASONS[publisher.obstacle] },
    ...(links.counts.all > 1 ? [{ name: 'broker_nodes', optional: true as const, check: () => countNodes(links) }] : []),
  ]);

function countNodes({ counts: { usable, all } }: Pick<BrokerLinks, 'counts'>): Finding {
  return usable < all ? `only ${usable} of ${all} ${usable === 1 ? 'takes' : 'take'} orders` : undefined;
}

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
