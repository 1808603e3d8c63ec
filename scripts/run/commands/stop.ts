// npm stop

import { localHome } from '../stack/home.ts';
import { stopStack } from '../stack/stack.ts';
import { runCommand } from '../terminal/command.ts';
import { createReport } from '../terminal/report.ts';

await runCommand(async () => {
  const ran = await stopStack(localHome(), createReport());
  console.log(ran ? 'Stopped. The data stays: npm start goes on with it.' : 'Nothing was running.');
  return 0;
});
