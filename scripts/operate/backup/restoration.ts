import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refillCluster } from '../../run/cluster/refill.ts';
import { renderDefinitions } from '../../run/servers/rabbitmq/definitions.ts';
import { refillStack, type Servers } from '../../run/stack/stack.ts';
import type { Report } from '../../run/terminal/report.ts';
import type { OperatedStack } from '../operated-stack.ts';
import { mergeDefinitions } from './definitions.ts';
import { DEFINITIONS } from './manifest.ts';
import { type Backup, replaceDatabases } from './replacement.ts';

/** Brings that stack to what the backup says, and starts all of it. `own`: the variables that the caller has set. */
export async function restoreBackup(
  { isCluster, home }: OperatedStack,
  own: Record<string, string | undefined>,
  backup: Backup,
  report: Report,
): Promise<void> {
  const refill = async ({ server, broker, environment }: Servers) => {
    const definitions = mergeDefinitions(readFileSync(join(backup.folder, DEFINITIONS), 'utf8'), renderDefinitions(environment));
    await replaceDatabases({ server, environment, home }, backup, report);
    // Last: a restore that fails before the databases are exchanged leaves the broker as it was, too.
    await report.step('Definitions', () => broker.addDefinitions(definitions));
  };
  await (isCluster ? refillCluster(home, own, report, refill) : refillStack(home, own, report, refill));
}
