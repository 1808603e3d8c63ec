import { exchange, type Reply } from './exchange.ts';
import { type Case, generate } from './generate.ts';
import { minimise } from './minimise.ts';
import type { Operation } from './operations.ts';
import { isHead, judge } from './verdict.ts';

/** Requests under way at a time */
const CONCURRENCY = 32;
/** Milliseconds that the gateway has to answer a request, and to answer bytes of which it may wait for more. */
const PATIENCE = 15_000;
const SHORT_PATIENCE = 250;
/** Failures after which a campaign ends: the first ones are enough to work on. */
const ENOUGH = 20;

export interface Failed {
  number: number;
  case: Case;
  wrong: string[];
  reply: Reply | undefined;
}

interface Campaign {
  port: number;
  operations: Operation[];
  seed: string;
  requests: number;
  onProgress(done: number): void | Promise<void>;
  onFailure(failed: Failed): Promise<void>;
}

/** Sends the cases of the seed, in their order, several at a time. Gives how many there were of each status. */
export async function campaign({
  port,
  operations,
  seed,
  requests,
  onProgress,
  onFailure,
}: Campaign): Promise<Map<string, number>> {
  const statuses = new Map<string, number>();
  let [next, done, failures, knownId] = [0, 0, 0, 1];

  async function work(): Promise<void> {
    while (next < requests && failures < ENOUGH) {
      const number = next++;
      const generated = generate(operations, seed, number, knownId);
      const reply = await send(port, generated);
      const created = /^\/api\/movies\/(\d+)$/.exec(reply?.headers.location ?? '');
      if (created) knownId = Number(created[1]);
      const status = String(reply?.status ?? 'no answer');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const wrong = judge(generated, reply);
      if (wrong.length > 0) {
        failures++;
        await onFailure({ number, case: generated, wrong, reply });
      }
      await onProgress(++done);
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return statuses;
}

function send(port: number, sent: Case): Promise<Reply | undefined> {
  return exchange(port, sent.bytes, isHead(sent), sent.request ? PATIENCE : SHORT_PATIENCE);
}

/** The smallest bytes that fail as the case did. */
export function shrink(port: number, failed: Failed): Promise<Buffer> {
  const signature = signatureOf(failed.wrong);
  return minimise(failed.case.bytes, async (bytes) => {
    const shorter = { bytes };
    return signatureOf(judge(shorter, await send(port, shorter))) === signature;
  });
}

/** What went wrong, without the values of this one case. */
const signatureOf = (wrong: string[]) => wrong[0]?.replace(/[:"].*/s, '');
