// What `npm start` does, in the folder of the benchmark. The environment says the ports.
import { createReport, runCommand } from '../local/report.ts';
import { startStack } from '../local/stack.ts';
import { benchHome } from './contender.ts';

await runCommand(async () => {
  await startStack(benchHome, process.env, createReport());
  return 0;
});
