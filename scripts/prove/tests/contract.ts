// npm run test:contract: the contract tests against the local stack, or against the gateway that GATEWAY_URL names.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { gatewayUrl } from '../../operate/gateway-url.ts';
import { checkout } from '../../run/checkout.mjs';
import { savedEnvironment } from '../../run/stack/environment.ts';
import { localHome } from '../../run/stack/home.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';

await runCommand(async () => {
  const own = process.env.GATEWAY_URL;
  const url = own ?? gatewayUrl('local');
  try {
    await fetch(url);
  } catch {
    throw new Failure(
      `Nothing answers at ${url}. Start the local stack with "npm start", or name a gateway: GATEWAY_URL=http://...`,
    );
  }
  console.log(`The contract tests make films and orders behind ${url}. They delete the films; the orders stay.`);
  const { status } = spawnSync(
    join(checkout, 'node_modules', '.bin', 'vitest'),
    ['run', '--config', 'vitest.workspace.ts', '--project', 'contract', ...process.argv.slice(2)],
    { cwd: checkout, stdio: 'inherit', env: { ...(own ? {} : savedEnvironment(localHome())), ...process.env, GATEWAY_URL: url } },
  );
  return status ?? 1;
});
