// npm run test:tour: runs docs/tour.md, its commands and what they show, in a copy of the checkout with a stack of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { runCommand } from '../../run/terminal/command.ts';

await runCommand(async () => {
  const { status } = spawnSync(
    join(checkout, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.workspace.ts', '--project', 'tour', ...process.argv.slice(2)],
    { cwd: checkout, stdio: 'inherit' },
  );
  return status ?? 1;
});
