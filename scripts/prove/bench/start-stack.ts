// What `npm start` does, in the folder of the benchmark. The environment says the ports.

import { startStack } from '../../run/stack/stack.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { createReport } from '../../run/terminal/report.ts';
import { benchHome } from './processes.ts';

await runCommand(async () => {
  await startStack(benchHome, process.env, createReport());
  return 0;
});
