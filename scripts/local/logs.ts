// npm run logs [-- APP] [--lines N] [--nostream]: the services' logs, followed on a terminal

import { Failure } from './failure.ts';
import { localHome, requireOwner } from './home.ts';
import { findDaemon, showLogs } from './pm2.ts';
import { runCommand } from './report.ts';

await runCommand(async () => {
  const home = localHome();
  requireOwner(home);
  if (findDaemon(home) === undefined) throw new Failure('Nothing is running: npm start starts it.');
  const args = process.argv.slice(2);
  return showLogs(home, ['--raw', ...args, ...(process.stdout.isTTY || args.includes('--nostream') ? [] : ['--nostream'])]);
});
