/**
 * Sends requests that nobody would send to a stack of its own, made from docs/openapi.yaml and by mutation of bytes. Every answer
 * has to be one that the document describes; nothing may crash, grow or stay open.
 *
 *     npm run fuzz -- [--seed WORD] [--requests 100000]
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkout } from '../../run/checkout.mjs';
import { withLock } from '../../run/servers/lock.mjs';
import { stopStack } from '../../run/stack/stack.ts';
import { runCommand } from '../../run/terminal/command.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createProgress } from '../../run/terminal/progress.ts';
import { createReport } from '../../run/terminal/report.ts';
import { startOwnStack } from '../bench/stack.ts';
import { campaign, type Failed, shrink } from './campaign.ts';
import { loadOperations } from './operations.ts';
import { watch } from './watch.ts';

const home = join(checkout, '.local', 'fuzz');
const FAILURES = join('.local', 'fuzz', 'failures');

async function fuzz({ seed, requests }: ReturnType<typeof readArguments>): Promise<number> {
  console.log(`Fuzzing with seed ${seed}: ${requests} requests.`);
  const report = createReport();
  try {
    const environment = await startOwnStack(home, report);
    const port = Number(environment.API_GATEWAY_PORT);
    const watching = await watch(home);
    const wrong: string[] = [];
    const progress = createProgress('Requests', requests, process.stdout);
    const began = performance.now();
    const statuses = await campaign({
      port,
      operations: loadOperations(),
      seed,
      requests,
      async onProgress(done) {
        progress(done);
        if (done === Math.ceil(requests / 4)) await watching.markQuarter();
      },
      async onFailure(failed) {
        const file = save(seed, failed, await shrink(port, failed));
        wrong.push(`Request ${failed.number}: ${failed.wrong.join('; ').slice(0, 300)}\n  ${file}`);
      },
    });
    const { wrong: unhealthy, lines } = await watching.conclude();
    wrong.push(...unhealthy);

    const seconds = (performance.now() - began) / 1000;
    console.log(`\nAnswers: ${counted(statuses)}.`);
    for (const line of lines) console.log(line);
    console.log(`${requests} requests in ${seconds.toFixed(0)} s.`);
    if (wrong.length === 0) console.log(`Every answer is one of the document's, nothing crashed, nothing grew. Seed ${seed}.`);
    else console.log(`\n${wrong.join('\n')}\n\nThe same again: npm run fuzz -- --seed ${seed} --requests ${requests}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await stopStack(home, report);
  }
}

const counted = (statuses: Map<number | string, number>) =>
  [...statuses]
    .sort()
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');

/** The request as it was minimised, as bytes, and beside it what is wrong with its answer. */
function save(seed: string, { number, case: { bytes }, wrong, reply }: Failed, minimal: Buffer): string {
  mkdirSync(join(checkout, FAILURES), { recursive: true });
  const file = join(FAILURES, `${seed}-${number}`);
  writeFileSync(join(checkout, `${file}.http`), minimal);
  writeFileSync(
    join(checkout, `${file}.json`),
    JSON.stringify(
      {
        wrong,
        minimal: minimal.toString('latin1'),
        original: bytes.toString('latin1'),
        answer: reply && { status: reply.status, headers: reply.headers, body: reply.body.toString('latin1').slice(0, 10_000) },
      },
      null,
      2,
    ),
  );
  return `${file}.http`;
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: randomBytes(4).toString('hex') },
      requests: { type: 'string', default: '100000' },
    },
  });
  if (!/^[\w-]{1,64}$/.test(values.seed)) throw new Failure('--seed takes 1 to 64 letters, digits, "-" and "_".');
  if (!/^[1-9]\d{0,7}$/.test(values.requests)) throw new Failure('--requests takes a whole number, up to 99999999.');
  return { seed: values.seed, requests: Number(values.requests) };
}

await runCommand(() => {
  const asked = readArguments();
  const wait = (holder: string) => console.log(`Another run of the fuzzer: waiting for process ${holder}`);
  return withLock(`${home}.lock`, () => fuzz(asked), wait);
});
