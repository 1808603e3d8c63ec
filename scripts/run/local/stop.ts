// npm stop

import { runCommand } from '../terminal/command.ts';
import { createReport } from '../terminal/report.ts';
import { localHome } from './home.ts';
import { stopStack } from './stack.ts';

await runCommand(async () => {
  const ran = await stopStack(localHome(), createReport());
  console.log(ran ? 'Stopped. The data stays: npm start goes on with it.' : 'Nothing was running.');
  return 0;
});
