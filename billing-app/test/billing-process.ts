// Billing in a process of its own, to be killed; its environment is the test's.
import { createLog } from '@crud-master/plumbing/log';
import { startBilling } from '../app/app.ts';
import { loadConfig } from '../app/config.ts';

const billing = startBilling(loadConfig(process.env), createLog('billing_app', 'silent'));
process.on('SIGTERM', () => billing.close().then(() => process.exit()));
