import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';

/** Runs one of Vitest's projects, with the arguments of this command, and gives its exit status. */
export function runProject(name: string, env: NodeJS.ProcessEnv = process.env): number {
  const { status } = spawnSync(
    join(checkout, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.workspace.ts', '--project', name, ...process.argv.slice(2)],
    { cwd: checkout, stdio: 'inherit', env },
  );
  return status ?? 1;
}
