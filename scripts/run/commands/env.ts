// npm run --silent env: the environment of the running stack, as KEY=value lines

import { parseArgs } from 'node:util';
import { savedEnvironment } from '../stack/environment.ts';
import { localHome } from '../stack/home.ts';
import { environmentLines } from '../stack/status.ts';
import { runCommand } from '../terminal/command.ts';
import { Failure } from '../terminal/failure.mjs';

await runCommand(async () => {
  parseArgs(); // it has no options
  const home = localHome();
  const environment = savedEnvironment(home);
  if (!environment) throw new Failure('The local stack was never started: npm start starts it.');
  console.log(environmentLines(home, environment).join('\n'));
  return 0;
});
