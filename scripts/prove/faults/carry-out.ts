import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, Service, Strike } from './plan.ts';
import { freeze, signal as send } from './processes.ts';
import type { Stack } from './stack.ts';

/** A fault as it happened, in milliseconds since the epoch. */
export interface Disturbance {
  fault: Fault;
  from: number;
  to: number;
}

/** Lets the faults of a strike happen, each at its time. Settles when all are mended, or left alone because of the signal. */
export async function carryOut(strike: Strike, stack: Stack, signal: AbortSignal): Promise<Disturbance[]> {
  const results = await Promise.allSettled(
    strike.faults.map(async (fault) => {
      await sleep(fault.delay, undefined, { signal });
      const from = Date.now();
      const mend = await begin(fault, stack);
      if (mend) {
        await sleep(fault.hold, undefined, { signal });
        await mend();
      }
      return { fault, from, to: Date.now() };
    }),
  );
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** Gives what mends it, unless it mends itself: PM2 starts again what has ended. */
async function begin(fault: Fault, stack: Stack): Promise<(() => Promise<void> | void) | undefined> {
  switch (fault.target) {
    case 'api_gateway':
    case 'inventory_app':
    case 'billing_app':
      return beginWithService(fault.target, fault.action, stack);
    case 'broker':
    case 'postgres': {
      const server = stack[fault.target];
      if (fault.action === 'SIGSTOP') return freeze(server.pid());
      if (fault.action === 'SIGKILL') await server.kill();
      else await server.stop();
      return () => server.start();
    }
    default: {
      const link = stack.links[fault.target];
      link.begin(fault.action);
      return () => link.heal();
    }
  }
}

async function beginWithService(service: Service, action: string, stack: Stack): Promise<(() => void) | undefined> {
  if (action === 'pm2 restart') {
    await stack.services.restart(service);
    return undefined;
  }
  const pid = await stack.services.pid(service);
  if (action === 'SIGSTOP') return freeze(pid);
  send(pid, action as 'SIGKILL' | 'SIGTERM');
  return undefined;
}
