// npm run status: what runs and what it does, as the live page shows it. 0 when everything works, else 1

import { parseArgs } from 'node:util';
import type { LiveState } from '../../../api-gateway/app/live/state.ts';
import { flowRows, parkedItems, queueItems, refusalItems, summaryOf } from '../../../api-gateway/page/words.js';
import { savedEnvironment } from '../stack/environment.ts';
import { unreadyParts } from '../stack/findings.ts';
import { localHome } from '../stack/home.ts';
import { stackStatus } from '../stack/status.ts';
import { runCommand } from '../terminal/command.ts';
import { textTable } from '../terminal/table.ts';

/** Milliseconds that the gateway has to say what it sees. */
const LIVE_LIMIT = 3000;

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
  const runs = parts.some(({ name, pid }) => /^api_gateway\b/.test(name) && pid !== undefined);
  const live = runs ? await liveState() : [];
  if (!Array.isArray(live)) console.log(`\n${liveText(live)}`);
  const findings = [...parts.flatMap(({ finding }) => finding ?? []), ...(Array.isArray(live) ? live : [])];
  if (findings.length > 0) console.log(`\n${findings.join('\n')}`);
  const down = parts.filter((part) => part.pid === undefined);
  if (down.length > 0)
    console.log(
      `\n${down.map((part) => part.name).join(', ')} ${down.length === 1 ? 'is' : 'are'} down: npm start starts what is down.`,
    );
  const works = Array.isArray(live) || Object.values(live.parts).every(({ state }) => state === 'up');
  return down.length > 0 || findings.length > 0 || !works ? 1 : 0;
});

/** What the gateway sees of the system; when it shows that to nobody (LIVE_PAGE) or does not answer, what is wrong, in words. */
async function liveState(): Promise<LiveState | string[]> {
  const origin = `http://127.0.0.1:${savedEnvironment(localHome())?.API_GATEWAY_PORT}`;
  try {
    const answer = await fetch(`${origin}/live/state`, { signal: AbortSignal.timeout(LIVE_LIMIT) });
    return answer.ok ? ((await answer.json()) as LiveState) : await unreadyParts(origin, LIVE_LIMIT);
  } catch {
    return [`api_gateway does not answer at ${origin}: npm run logs -- --service api_gateway shows what it says.`];
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
