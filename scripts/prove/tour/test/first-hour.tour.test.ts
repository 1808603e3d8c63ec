import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { LiveState } from '../../../../api-gateway/app/live/state.ts';
import { queueItems, refusalItems, summaryOf } from '../../../../api-gateway/page/words.js';
import { anyFreePort, freePort } from '../../../run/servers/ports.ts';
import { copyCheckout, removeCopy, userEnvironment } from '../checkout-copy.ts';
import { promise, readTour, type Step } from '../experiments.ts';
import { Shell } from '../shell.ts';

const hasCurl = spawnSync('curl', ['--json', '{}', '--version']).status === 0;
if (!hasCurl)
  console.log('The tour is not tried: there is no curl, or none with --json (7.82). Debian has it: apt-get install curl');
const { preparation, experiments } = readTour();

let copy: string;
let shell: Shell;
let port: number;

describe.skipIf(!hasCurl)('The first hour', () => {
  beforeAll(async () => {
    copy = copyCheckout();
    port = await anyFreePort();
    const servers = await freePort(10_000 + (process.pid % 20_000), 20); // no port that outgoing connections may have for a moment
    shell = new Shell(copy, {
      ...userEnvironment(),
      ...{ API_GATEWAY_PORT: String(port), INVENTORY_PORT: String(await anyFreePort()) },
      ...{ LOCAL_POSTGRES_PORT: String(servers), LOCAL_RABBITMQ_PORT: String(servers + 4) },
    });
    await follow(preparation);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await shell.run('npm start'); // what it left broken is not the next one's
  });
  afterAll(() => {
    shell?.close();
    if (copy) removeCopy(copy);
  });

  test.each(experiments)('$title', ({ steps }) => follow(steps));
});

/** Does what the page says, block by block, and sees what it promises. */
async function follow(steps: Step[]): Promise<void> {
  let done: Step | undefined;
  let output = '';
  for (const step of steps) {
    if (step.kind === 'page')
      await soon(async () => expect(await pageWords()).toEqual(expect.arrayContaining(step.text.split('\n'))));
    else if (step.kind === 'text' && done?.again) await soon(async () => expect(await run(done!)).toMatch(promise(step.text)));
    else if (step.kind === 'text') expect(output).toMatch(promise(step.text));
    else {
      done = step;
      if (!step.again) output = await run(step);
    }
  }
}

const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 20_000, interval: 100 });

const run = ({ text }: Step) => shell.run(text.replaceAll('localhost:3000', `localhost:${port}`));

/** What the live page says: its first sentence, and its lists. Nothing while the gateway is away. */
async function pageWords(): Promise<string[]> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/live/state`);
    const state = (await answer.json()) as LiveState;
    const refused = refusalItems(state).map(([kind, count]) => `Refused: ${kind}: ${count}`);
    return [summaryOf(state), ...queueItems(state).map((item) => item.join(': ')), ...refused];
  } catch {
    return [];
  }
}
