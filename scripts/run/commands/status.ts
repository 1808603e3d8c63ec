// npm run status: what runs and what it does, as the live page shows it. 0 when everything works, else 1

import { parseArgs } from 'node:util';
import type { LiveState } from '../../../api-gateway/app/live/state.ts';
import { flowRows, parkedItems, queueItems, refusalItems, summaryOf } from '../../../api-gateway/page/words.js';
import { savedEnvironment } from '../stack/environment.ts';
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
  const live = await liveState();
  if (live) console.log(`\n${liveText(live)}`);
  const findings = parts.filter((part) => part.finding);
  if (findings.length > 0) console.log(`\n${findings.map(({ name, finding }) => `${name} is down, and ${finding}.`).join('\n')}`);
  const down = parts.filter((part) => part.pid === undefined);
  if (down.length > 0)
    console.log(
      `\n${down.map((part) => part.name).join(', ')} ${down.length === 1 ? 'is' : 'are'} down: npm start starts what is down.`,
    );
  const works = live === undefined || Object.values(live.parts).every(({ state }) => state === 'up');
  return down.length > 0 || !works ? 1 : 0;
});

/** What the gateway sees of the system; undefined when it does not run, or shows it to nobody. */
async function liveState(): Promise<LiveState | undefined> {
  const port = savedEnvironment(localHome())?.API_GATEWAY_PORT;
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/live/state`, { signal: AbortSignal.timeout(3000) });
    return answer.ok ? ((await answer.json()) as LiveState) : undefined;
  } catch {
    return undefined;
  }
}

function liveText(live: LiveState): string {
  const flows = flowRows(live);
  const lists = [
    ...queueItems(live),
    ...parkedItems(live).map(([kind, count]) => [`Parked: ${kind}`, count!]),
    ...refusalItems(live).map(([kind, count]) => [`Refused: ${kind}`, count!]),
  ];
  return `${summaryOf(live)}\n\n${textTable([['', 'a second', 'p50', 'p99'], ...flows])}\n\n${textTable(lists as string[][])}`;
}
