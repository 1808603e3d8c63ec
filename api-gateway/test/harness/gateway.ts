import type { HttpServer } from '@crud-master/plumbing/http-server';
import { createLog } from '@crud-master/plumbing/log';
import { openSpans } from '@crud-master/plumbing/spans';
import { createApp } from '../../app/app.ts';
import { loadConfig } from '../../app/config.ts';
import { gatewayHealth } from '../../app/health.ts';
import { createGatewayServer } from '../../app/http-server.ts';
import { inventoryPool } from '../../app/inventory.ts';
import { createLive } from '../../app/live/live.ts';
import { gatewayMetrics } from '../../app/metrics.ts';
import type { Publisher, PublishOrder } from '../../app/publisher.ts';

export interface TestGateway {
  port: number;
  server: HttpServer;
  close(): Promise<void>;
}

/** The real gateway in this process on a free port; only the broker is a function, by default one that takes everything. */
export async function startGateway(
  inventoryPort: number,
  settings: Record<string, string | number> = {},
  publish: PublishOrder = async () => {},
  broker: Pick<Publisher, 'obstacle'> = { obstacle: undefined },
): Promise<TestGateway> {
  const given = {
    API_GATEWAY_PORT: 1,
    INVENTORY_HOST: '127.0.0.1',
    INVENTORY_PORT: inventoryPort,
    RABBITMQ_HOST: '127.0.0.1',
    RABBITMQ_PORT: 1,
    RABBITMQ_VHOST: 'x',
    RABBITMQ_GATEWAY_USER: 'x',
    RABBITMQ_GATEWAY_PASSWORD: 'x',
    BILLING_QUEUE: 'x',
    BILLING_DEAD_LETTER_QUEUE: 'x',
    LOG_LEVEL: 'silent',
    LIVE_PAGE: 'off', // else inventory gets requests of its own
    ...settings,
  };
  const config = loadConfig(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])));
  const inventory = inventoryPool(config.inventory);
  const log = createLog('api_gateway', config.logLevel);
  const spans = await openSpans(config.tracing, log);
  const links = {
    connection: undefined,
    counts: { usable: 1, all: 1 },
    nodes: config.broker.nodes.map((_, i) => ({ obstacle: undefined, inUse: i === 0 })),
  };
  const health = gatewayHealth(config.inventory.origin, broker, links);
  const live = createLive({ health, links, log, config });
  const { watch, measured } = gatewayMetrics(health, broker, live.traffic, () => live.feed.look(), spans);
  const app = createApp({ log, inventory, publish: measured(publish), health, watch, live, config, spans });
  const server = createGatewayServer(app.callback(), config, log);
  const [address] = await server.listen(0, ['127.0.0.1']);
  return {
    port: address!.port,
    server,
    async close() {
      await live.feed.close();
      await server.destroy();
      await inventory.destroy();
      await spans?.close();
    },
  };
}
