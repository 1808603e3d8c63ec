// npm run status: 0 when everything runs, else 1

import { parseArgs } from 'node:util';
import { localHome } from '../stack/home.ts';
import { stackStatus } from '../stack/status.ts';
import { runCommand } from '../terminal/command.ts';
import { textTable } from '../terminal/table.ts';

await runCommand(async () => {
  parseArgs(); // it has no options
  const parts = await stackStatus(localHome());
  console.log(
    textTable([
      ['', 'state', 'address', 'pid', 'since'],
      ...parts.map(({ name, state, address, pid, since }) => [
        name,
        state,
        address,
        String(pid ?? ''),
        since?.toLocaleString() ?? '',
      ]),
    ]),
  );
  const findings = parts.filter((part) => part.finding);
  if (findings.length > 0) console.log(`\n${findings.map(({ name, finding }) => `${name} is down, and ${finding}.`).join('\n')}`);
  const down = parts.filter((part) => part.pid === undefined);
  if (down.length > 0)
    console.log(
      `\n${down.map((part) => part.name).join(', ')} ${down.length === 1 ? 'is' : 'are'} down: npm start starts what is down.`,
    );
  return down.length > 0 ? 1 : 0;
});
