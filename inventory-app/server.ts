import { once } from 'node:events';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { createApp } from './app/app.ts';
import { loadConfig } from './app/config.ts';
import { openDatabase } from './app/database.ts';
import { createHttpServer } from './app/http-server.ts';

/** Milliseconds that a stop gives to what is under way. */
const FINISH = 10_000;

await runService('inventory_app', async () => {
  const config = loadConfig(loadEnvironment(new URL('../.env', import.meta.url), process.env));
  const log = createLog('inventory_app', config.logLevel);
  const database = openDatabase(config.database);

  const app = createApp({ database, log, bodyLimit: config.bodyLimit });
  const server = createHttpServer(app.callback(), config.http);
  server.listen(config.listen.port, config.listen.host);
  await once(server, 'listening');
  log.info(config.listen, 'listening');
  // The first question to Prisma sets its engine up, for which no client should wait: seconds on a slow machine.
  await database.movie.findFirst({ where: { id: 0 } }).catch(() => {}); // the database may be away

  return {
    log,
    async close() {
      const closed = once(server, 'close');
      server.close(); // answers what is under way, ends connections that are idle
      setTimeout(() => server.closeAllConnections(), FINISH).unref();
      await closed;
      await database.close();
    },
  };
});
