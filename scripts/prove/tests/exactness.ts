// npm run test:exactness: what the gateway changes on the way, by 20,000 generated requests and answers.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { runCommand } from '../../run/terminal/command.ts';

await runCommand(async () => {
  const { status } = spawnSync(
    join(checkout, 'node_modules', '.bin', 'vitest'),
    [
      'run',
      '--config',
      'vitest.workspace.ts',
      '--project',
      'integration',
      'api-gateway/test/exactness',
      ...process.argv.slice(2),
    ],
    { cwd: checkout, stdio: 'inherit', env: { EXACTNESS_PAIRS: '20000', ...process.env } },
  );
  return status ?? 1;
});
