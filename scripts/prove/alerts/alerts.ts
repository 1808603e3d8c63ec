// npm run test:alerts: causes the faults that the alerts are for, and waits until Prometheus says that each fires.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { runCommand } from '../../run/terminal/command.ts';

await runCommand(async () => {
  const { status } = spawnSync(
    join(checkout, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.workspace.ts', '--project', 'alerts', ...process.argv.slice(2)],
    { cwd: checkout, stdio: 'inherit' },
  );
  return status ?? 1;
});
