import { once } from 'node:events';
import type { Contender } from '../contender.ts';
import { type Running, startPeer } from '../processes.ts';
import type { Product } from '../product.ts';
import { CONNECTIONS, type Plan } from '../rounds.ts';
import { ORDER, purge } from './broker.ts';
import { type LoadResult, summary } from './load.ts';
import { loadTurn } from './load-turn.ts';

/** A confirm channel without HTTP before it. It makes its own load. `broker` is the broker's process. */
export const rawChannel = (name: string, { environment }: Product, plan: Plan, broker: number): Contender => ({
  name,
  role: 'limit',
  async turn() {
    const raw = startPeer('order-raw-confirm', environment);
    try {
      await once(raw.child, 'message', { signal: AbortSignal.timeout(10_000) });
      return await loadTurn([raw.pid], (seconds) => driveRaw(raw, seconds), plan, { broker });
    } finally {
      await raw.stop();
      await purge(environment);
    }
  },
});

async function driveRaw({ child }: Running, seconds: number): Promise<LoadResult> {
  child.send({ seconds, inFlight: CONNECTIONS, order: ORDER });
  const [{ latencies, seconds: elapsed }] = (await once(child, 'message')) as [{ latencies: number[]; seconds: number }];
  return { failed: 0, ...summary(latencies, elapsed) };
}
