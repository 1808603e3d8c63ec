import { loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { createApp } from './app/app.ts';
import { loadConfig } from './app/config.ts';
import { openDatabase } from './app/database.ts';
import { createInventoryServer } from './app/http-server.ts';

await runService('inventory_app', async () => {
  const config = loadConfig(loadEnvironment(new URL('../.env', import.meta.url), process.env));
  const log = createLog('inventory_app', config.logLevel);
  const database = openDatabase(config.database);

  const app = createApp({ database, log, bodyLimit: config.bodyLimit });
  const server = createInventoryServer(app.callback(), config, log);
  // The first question to Prisma sets its engine up, for which no client should wait: seconds on a slow machine.
  await database.movie.findFirst({ where: { id: 0 } }).catch(() => {}); // the database may be away
  log.info({ addresses: await server.listen(config.listen.port, [config.listen.host]) }, 'listening');

  return {
    log,
    async close() {
      await server.close();
      await database.close();
    },
  };
});
