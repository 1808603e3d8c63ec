import { type Environment, loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { openSpans } from '@crud-master/plumbing/spans';
import { startStatusServer } from '@crud-master/plumbing/status-server';
import { createApp } from './app.ts';
import { loadConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { inventoryHealth } from './health.ts';
import { createInventoryServer } from './http-server.ts';
import { inventoryMetrics } from './metrics.ts';

/** The service as a process: configuration, connections, and their end. Opens the database and the port. */
export const run = (environment: Environment) =>
  runService('inventory_app', async () => {
    const config = loadConfig(loadEnvironment(new URL('../../.env', import.meta.url), environment));
    const log = createLog('inventory_app', config.logLevel, config.instances);
    const spans = await openSpans(config.tracing, log);
    const database = openDatabase(config.database);

    const health = inventoryHealth(database);
    const { metrics, watch } = inventoryMetrics(health, database, spans);
    const status = startStatusServer(config.status, { health, metrics, log });
    const app = createApp({ database, health, watch, log, bodyLimit: config.limits.bodyBytes, spans });
    const server = createInventoryServer(app.callback(), config, log);
    await database.warmUp().catch(() => {}); // the database may be away
    log.info({ addresses: await server.listen(config.listen.port, [config.listen.host]) }, 'listening');

    return {
      log,
      async close() {
        status.close();
        await server.close();
        await database.close();
        await spans?.close();
      },
    };
  });
