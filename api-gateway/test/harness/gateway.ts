import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLog } from '@crud-master/plumbing/log';
import { createApp } from '../../app/app.ts';
import { loadConfig } from '../../app/config.ts';
import { createHttpServer } from '../../app/http-server.ts';
import { inventoryPool } from '../../app/inventory.ts';
import type { PublishOrder } from '../../app/publisher.ts';

export interface TestGateway {
  port: number;
  server: Server;
  close(): Promise<void>;
}

/** The real gateway in this process on a free port; only the broker is a function, by default one that takes everything. */
export async function startGateway(
  inventoryPort: number,
  settings: Record<string, string | number> = {},
  publish: PublishOrder = async () => {},
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
    LOG_LEVEL: 'silent',
    ...settings,
  };
  const config = loadConfig(Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)])));
  const inventory = inventoryPool(config.inventory);
  const app = createApp({ log: createLog('api_gateway', config.logLevel), inventory, publish, config });
  const server = createHttpServer(app.callback(), config.limits);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async close() {
      server.close();
      server.closeAllConnections();
      await inventory.destroy();
    },
  };
}
