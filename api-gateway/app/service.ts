import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { openSpans } from '@crud-master/plumbing/spans';
import { startStatusServer } from '@crud-master/plumbing/status-server';
import { createApp } from './app.ts';
import { BrokerLinks } from './broker-links.ts';
import { loadConfig } from './config.ts';
import { gatewayHealth } from './health.ts';
import { createGatewayServer } from './http-server.ts';
import { inventoryPool } from './inventory.ts';
import { createLive } from './live/live.ts';
import { gatewayMetrics } from './metrics.ts';
import { Publisher } from './publisher.ts';

/** Milliseconds that the start waits for the broker before it goes on without. */
const BROKER_PATIENCE = 2000;

/** The service as a process: configuration, connections, and their end. Opens the broker and the port. */
export const run = (environment: Environment) =>
  runService('api_gateway', async () => {
    const config = loadConfig(loadEnvironment(new URL('../../.env', import.meta.url), environment));
    const log = createLog('api_gateway', config.logLevel, config.instances);
    const spans = await openSpans(config.tracing, log);

    const inventory = inventoryPool(config.inventory);
    const links = new BrokerLinks(config.broker, log);
    const publisher = new Publisher(links, config.broker, log);

    const health = gatewayHealth(config.inventory.origin, publisher, links);
    const live = createLive({ health, links, log, config });
    const { metrics, watch, measured } = gatewayMetrics(health, publisher, live.traffic, () => live.feed.look(), spans);
    const status = startStatusServer(config.status, { health, metrics, more: live.tell, log });
    const app = createApp({ log, inventory, publish: measured(publisher.publish), health, watch, live, config, spans });
    const server = createGatewayServer(app.callback(), config, log);
    // Who can connect may send orders at once, unless the broker is away.
    const connected = once(links, 'open');
    links.open();
    await Promise.race([connected, sleep(BROKER_PATIENCE)]);
    log.info({ addresses: await server.listen(config.listen.port, config.listen.hosts) }, 'listening');

    return {
      log,
      async close() {
        if (config.drainTime > 0) {
          health.drain();
          await sleep(config.drainTime);
        }
        status.close();
        live.feed.end();
        await server.close();
        await publisher.close();
        await inventory.close();
        await live.feed.close();
        await spans?.close();
      },
    };
  });
