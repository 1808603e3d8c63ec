import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refillStack } from '../../run/stack/stack.ts';
import type { Report } from '../../run/terminal/report.ts';
import { DEFINITIONS } from './manifest.ts';
import { type Backup, replaceDatabases } from './replacement.ts';

/** Brings the stack of that home to what the backup says, and starts all of it. `own` and `home`: as of `startStack`. */
export async function restoreBackup(
  home: string,
  own: Record<string, string | undefined>,
  backup: Backup,
  report: Report,
): Promise<void> {
  await refillStack(home, own, report, async ({ server, broker, environment }) => {
    await report.step('Definitions', async () => {
      await broker.addDefinitions(readFileSync(join(backup.folder, DEFINITIONS), 'utf8'));
      // The passwords of the services may be others than then, and their queues those of newer code.
      await broker.importDefinitions(environment);
    });
    await replaceDatabases({ server, environment, home }, backup, report);
  });
}
