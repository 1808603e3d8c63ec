// npm stop: ends everything that npm start brought up; the data stays

import { parseArgs } from 'node:util';
import { localHome } from '../stack/home.ts';
import { stopStack } from '../stack/stack.ts';
import { endWith, runCommand } from '../terminal/command.ts';
import { createReport } from '../terminal/report.ts';

await runCommand(async () => {
  parseArgs(); // it has no options
  endWith('Interrupted. Something may still run: npm stop ends the rest, npm start goes on with it.');
  const ran = await stopStack(localHome(), createReport());
  console.log(ran ? 'Stopped. The data stays: npm start goes on with it.' : 'Nothing was running.');
  return 0;
});
