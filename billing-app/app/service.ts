import { type Environment, loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { openSpans } from '@crud-master/plumbing/spans';
import { startBilling } from './app.ts';
import { loadConfig } from './config.ts';

/** The service as a process: configuration, connections, and their end. Opens the queue and the database. */
export const run = (environment: Environment) =>
  runService('billing_app', async () => {
    const config = loadConfig(loadEnvironment(new URL('../../.env', import.meta.url), environment));
    const log = createLog('billing_app', config.logLevel, config.instances);
    return startBilling(config, log, await openSpans(config.tracing, log));
  });
