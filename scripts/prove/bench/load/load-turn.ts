import { anyFreePort } from '../../../run/servers/ports.ts';
import { type CpuTimes, cpuTimes, memory } from '../../usage.ts';
import type { Contender, Role, Turn } from '../contender.ts';
import { type Running, untilReady } from '../processes.ts';
import { CONNECTIONS, type Plan } from '../rounds.ts';
import { type LoadResult, load } from './load.ts';

/** Something that answers over HTTP, in a process of its own. */
export interface Server {
  name: string;
  role: Role;
  start(port: string): Running;
}

/** Keeps a process busy for so many seconds. */
export type Drive = (seconds: number, isWarmUp: boolean) => Promise<LoadResult>;

export interface Work {
  plan: Plan;
  /** The bytes of the n-th request. */
  request: (n: number) => Buffer;
  isReady: (port: number) => Promise<boolean>;
  /** Requests a second at most, for those whose processor time is compared: who is slower would wake sleeping peers more often. */
  rate?: number | undefined;
  /** Done after the turn, outside of what is measured. */
  afterwards?: () => Promise<void>;
  /** Processes, by name, that take part in every request. */
  alongside?: Record<string, number>;
}

/** A contender that answers requests: started on a free port, warmed up, measured, and ended. */
export function overHttp({ name, role, start }: Server, work: Work): Contender {
  const { plan, request, isReady, rate, afterwards, alongside } = work;
  return {
    name,
    role,
    async turn() {
      const port = await anyFreePort();
      const running = start(String(port));
      try {
        await untilReady(name, running, () => isReady(port));
        const drive = (seconds: number, isWarmUp: boolean) =>
          load({ port, request, connections: CONNECTIONS, seconds, rate: isWarmUp ? undefined : rate });
        return await loadTurn([running.pid], drive, plan, alongside);
      } finally {
        await running.stop();
        await afterwards?.();
      }
    },
  };
}

/** Warms those processes up, drives them, and reads what they and the others used meanwhile. */
export async function loadTurn(
  ours: number[],
  drive: Drive,
  { warmUp, seconds }: Plan,
  alongside: Record<string, number> = {},
): Promise<Turn> {
  await drive(warmUp, true);
  const parts = [ours, ...Object.values(alongside).map((pid) => [pid])];
  const before = parts.map(cpuTimesOf);
  const { requests, failed, perSecond, p50, p99 } = await drive(seconds, false);
  const [{ user, system }, ...others] = parts.map(cpuTimesOf).map((after, i) => ({
    user: ((after.user - before[i]!.user) / requests) * 1e6,
    system: ((after.system - before[i]!.system) / requests) * 1e6,
  })) as [CpuTimes, ...CpuTimes[]];
  return {
    units: requests,
    failed,
    perSecond,
    p50,
    p99,
    user,
    system,
    memory: ours.reduce((sum, pid) => sum + memory(pid).now, 0),
    alongside: Object.fromEntries(Object.keys(alongside).map((name, i) => [name, others[i]!.user + others[i]!.system])),
  };
}

const cpuTimesOf = (pids: number[]): CpuTimes =>
  pids
    .map(cpuTimesOfOne)
    .reduce((sum, { user, system }) => ({ user: sum.user + user, system: sum.system + system }), { user: 0, system: 0 });

/** This process has every contender as its child, and does not count them. */
function cpuTimesOfOne(pid: number): CpuTimes {
  if (pid !== process.pid) return cpuTimes(pid);
  const { user, system } = process.cpuUsage();
  return { user: user / 1e6, system: system / 1e6 };
}
