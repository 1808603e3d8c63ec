import { loadEnvironment } from '@crud-master/plumbing/environment';
import { runService } from '@crud-master/plumbing/lifecycle';
import { createLog } from '@crud-master/plumbing/log';
import { startBilling } from './app/app.ts';
import { loadConfig } from './app/config.ts';

await runService('billing_app', async () => {
  const config = loadConfig(loadEnvironment(new URL('../.env', import.meta.url), process.env));
  return startBilling(config, createLog('billing_app', config.logLevel));
});
