import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refillCluster } from '../../run/cluster/refill.ts';
import { refillStack, type Servers } from '../../run/stack/stack.ts';
import type { Report } from '../../run/terminal/report.ts';
import type { OperatedStack } from '../operated-stack.ts';
import { DEFINITIONS } from './manifest.ts';
import { type Backup, replaceDatabases } from './replacement.ts';

/** Brings that stack to what the backup says, and starts all of it. `own`: the variables that the caller has set. */
export async function restoreBackup(
  { cluster, home }: OperatedStack,
  own: Record<string, string | undefined>,
  backup: Backup,
  report: Report,
): Promise<void> {
  const refill = async ({ server, broker, environment }: Servers) => {
    await report.step('Definitions', async () => {
      await broker.addDefinitions(readFileSync(join(backup.folder, DEFINITIONS), 'utf8'));
      // The passwords of the services may be others than then, and their queues those of newer code.
      await broker.importDefinitions(environment);
    });
    await replaceDatabases({ server, environment, home }, backup, report);
  };
  await (cluster ? refillCluster(home, own, report, refill) : refillStack(home, own, report, refill));
}
