// npm stop
import { localHome } from './home.ts';
import { createReport, runCommand } from './report.ts';
import { stopStack } from './stack.ts';

await runCommand(async () => {
  const ran = await stopStack(localHome(), createReport());
  console.log(ran ? 'Stopped. The data stays: npm start goes on with it.' : 'Nothing was running.');
  return 0;
});
