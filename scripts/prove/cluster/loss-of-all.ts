import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readBackup } from '../../operate/backup/manifest.ts';
import { restoreBackup } from '../../operate/backup/restoration.ts';
import { writeBackup } from '../../operate/backup/write-backup.ts';
import { clusterStack } from '../../operate/operated-stack.ts';
import { clusterOf } from '../../run/cluster/layout.ts';
import { stopCluster } from '../../run/cluster/stop.ts';
import { type Report, SILENT } from '../../run/terminal/report.ts';
import { takeDisks } from './disks.ts';

/**
 * Deletes every node of a cluster after a backup, and restores it into nodes made anew. Gives the files that are not the same in a
 * second backup. `port`: of the clients' address.
 */
export async function loseAll(home: string, port: number, report: Report): Promise<string[]> {
  const folders = ['before', 'after'].map((name) => `${home}-backup-${name}`);
  const [before, after] = folders as [string, string];
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  return report.step('Backup, all nodes deleted, restore', async (detail) => {
    await writeBackup(clusterStack(home), before, SILENT);
    await stopCluster(clusterOf(home), SILENT);
    await takeDisks(clusterOf(home).nodes);
    rmSync(home, { recursive: true });
    const anew = clusterStack(home);
    const manifest = await readBackup(before);
    await restoreBackup(anew, { ...process.env, API_GATEWAY_PORT: String(port - 1000) }, { folder: before, manifest }, SILENT);
    const { files } = await writeBackup(anew, after, SILENT);
    const tables = Object.keys(files).filter((name) => name.endsWith('.sql'));
    const changed = tables.filter((name) => files[name]!.sha256 !== manifest.files[name]!.sha256);
    detail(changed.length === 0 ? 'the same' : `not the same: ${changed.join(', ')}`);
    if (changed.length === 0) for (const folder of folders) rmSync(folder, { recursive: true });
    return changed.map((name) => join(after, name));
  });
}
