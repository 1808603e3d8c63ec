// npm run logs [-- APP] [--lines N] [--nostream]: the services' logs, followed on a terminal

import { showLogs } from '../servers/pm2/apps.ts';
import { findDaemon } from '../servers/pm2/daemon.ts';
import { localHome, requireOwner } from '../stack/home.ts';
import { runCommand } from '../terminal/command.ts';
import { Failure } from '../terminal/failure.mjs';

await runCommand(async () => {
  const home = localHome();
  requireOwner(home);
  if (findDaemon(home) === undefined) throw new Failure('Nothing is running: npm start starts it.');
  const args = process.argv.slice(2);
  return showLogs(home, ['--raw', ...args, ...(process.stdout.isTTY || args.includes('--nostream') ? [] : ['--nostream'])]);
});
