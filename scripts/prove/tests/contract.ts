// npm run test:contract: the contract tests against the local stack, or against the gateway that GATEWAY_URL names.
import { gatewayUrl } from '../../operate/gateway-url.ts';
import { savedEnvironment } from '../../run/stack/environment.ts';
import { localHome } from '../../run/stack/home.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { runProject } from './project.ts';

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
  return runProject('contract', { ...(own ? {} : savedEnvironment(localHome())), ...process.env, GATEWAY_URL: url });
});
