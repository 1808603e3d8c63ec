import { createLog } from '@crud-master/plumbing/log';
import pg from 'pg';
import { inject } from 'vitest';
import { createTestDatabase } from '../../scripts/prove/tests/services.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';
import { createApp } from '../app/app.ts';
import { loadConfig } from '../app/config.ts';
import { openDatabase } from '../app/database.ts';
import { inventoryHealth } from '../app/health.ts';
import { createInventoryServer } from '../app/http-server.ts';
import { inventoryMetrics } from '../app/metrics.ts';

export type Catalogue = Awaited<ReturnType<typeof startCatalogue>>;

/** The real app on a port of its own, over a database of its own. `variables` go over its environment. */
export async function startCatalogue(variables: Record<string, string> = {}) {
  const { name, env } = await createTestDatabase('MOVIES_DB');
  const { postgres } = inject('services');
  const sql = new pg.Client({ ...postgres, user: postgres.superuser, database: name });
  await sql.connect();

  const environment = { ...env, ...variables };
  const config = loadConfig(environment);
  const database = openDatabase(config.database);
  const log = createLog('inventory_app', 'silent');
  const health = inventoryHealth(database);
  const { watch } = inventoryMetrics(health, database);
  const app = createApp({ database, health, watch, log, bodyLimit: config.limits.bodyBytes });
  const http = createInventoryServer(app.callback(), config, log);
  const port = (await http.listen(0, ['127.0.0.1']))[0]!.port;

  return {
    port,
    http,
    database,
    /** As a superuser, past the app. */
    sql,
    request: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init),
    send: (method: string, path: string, body: unknown) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { 'Content-Type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async stop() {
      await http.destroy();
      await database.close();
      await sql.end();
    },
  };
}

/** As above, with a relay between the app and PostgreSQL, so that the database can be taken away from this app alone. */
export async function startRelayedCatalogue(variables: Record<string, string>) {
  const relay = await Relay.listen(() => inject('services').postgres.port);
  const catalogue = await startCatalogue({
    MOVIES_DB_HOST: '127.0.0.1',
    MOVIES_DB_PORT: String(relay.port),
    MOVIES_DB_CONNECT_TIMEOUT: '300',
    ...variables,
  });
  return {
    relay,
    catalogue,
    async stop() {
      relay.heal();
      await catalogue.stop();
      await relay.close();
    },
  };
}
