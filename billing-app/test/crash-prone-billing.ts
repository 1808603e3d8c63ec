// A billing process of its own, with a reader that dies of `{"crash":true}`; its environment is the test's.
import { createLog } from '@crud-master/plumbing/log';
import { startBilling } from '../app/billing.ts';
import { loadConfig } from '../app/config.ts';

const billing = await startBilling(
  loadConfig(process.env),
  createLog('billing_app', 'silent'),
  new URL('./crash-prone-reader.ts', import.meta.url),
);
process.on('SIGTERM', () => billing.close().then(() => process.exit()));
