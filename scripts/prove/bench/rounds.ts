import { median } from '../statistics.ts';
import { cpuSeconds } from '../usage.ts';
import type { Role, Running } from './contender.ts';
import { httpRequest, type LoadResult, load } from './load.ts';
import type { Bench, Panel, Table, Target } from './question.ts';

/** Connections of the load, the same for everyone. */
export const CONNECTIONS = 50;

export interface Contender {
  name: string;
  role: Role;
  running: Running;
  /** Keeps it busy for so many seconds. */
  drive(seconds: number): Promise<LoadResult>;
}

export interface Measured {
  name: string;
  role: Role;
  /** Microseconds of processor time for a request, of the process under test alone */
  cpu: number;
  perSecond: number;
  p50: number;
  p99: number;
  failed: number;
  /** Microseconds for a request of the other processes that took part in it, by their names */
  alongside: Record<string, number>;
}

export const overHttp =
  (port: number, request: (n: number) => Buffer = constant(httpRequest('GET', '/api/movies/1'))) =>
  (seconds: number) =>
    load({ port, request, connections: CONNECTIONS, seconds });

const constant = (request: Buffer) => () => request;

interface Rounds {
  rounds: number;
  seconds: number;
  /** Seconds of load before the first round, for the compiler to have seen the code. */
  warmUp: number;
  /** Done after each contender's turn, outside of what is measured. */
  afterTurn?: () => Promise<void>;
  /** Processes, by name, that take part in every request. */
  alongside?: Record<string, number>;
}

/** Every contender has a turn in every round, so that what else the computer does hits them alike. Medians of the rounds. */
export async function measure(bench: Bench, contenders: Contender[], plan: Rounds): Promise<Measured[]> {
  const turns = new Map(contenders.map(({ name }) => [name, [] as (LoadResult & { cpu: number; others: number[] })[]]));
  const others = Object.entries(plan.alongside ?? {});
  for (const { drive } of contenders) {
    await drive(plan.warmUp);
    await plan.afterTurn?.();
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const { name, drive, running } = contenders[(i + round) % contenders.length]!;
      await drive(0.3);
      const used = () => [running.pid, ...others.map(([, pid]) => pid)].map(cpuOfProcess);
      const before = used();
      const result = await drive(plan.seconds);
      const [cpu, ...rest] = used().map((seconds, n) => ((seconds - before[n]!) / result.requests) * 1e6);
      turns.get(name)!.push({ ...result, cpu: cpu!, others: rest });
      await plan.afterTurn?.();
    }
    bench.say(`round ${round + 1} of ${plan.rounds}`);
  }
  return contenders.map(({ name, role }) => {
    const results = turns.get(name)!;
    const middle = (field: 'cpu' | 'perSecond' | 'p50' | 'p99') => median(results.map((result) => result[field]));
    return {
      name,
      role,
      cpu: middle('cpu'),
      perSecond: middle('perSecond'),
      p50: middle('p50'),
      p99: middle('p99'),
      failed: results.reduce((sum, { failed }) => sum + failed, 0),
      alongside: Object.fromEntries(others.map(([other], n) => [other, median(results.map((result) => result.others[n]!))])),
    };
  });
}

/** This process has every contender as its child, and does not count them. */
function cpuOfProcess(pid: number): number {
  if (pid !== process.pid) return cpuSeconds(pid);
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** A line for each, with what it takes in comparison to the first, which is ours. */
export function comparison(measured: Measured[], title?: string): Table {
  const ours = measured[0]!;
  return {
    ...(title && { title }),
    columns: ['', 'CPU per request', '× ours', 'requests/s', 'p50', 'p99'],
    rows: measured.map((one) => [
      `${one.name}${one.role === 'limit' ? ' (limit)' : ''}${one.failed ? ` (${one.failed} failed)` : ''}`,
      `${one.cpu.toFixed(0)} µs`,
      (one.cpu / ours.cpu).toFixed(2),
      one.perSecond.toFixed(0),
      `${one.p50.toFixed(1)} ms`,
      `${one.p99.toFixed(1)} ms`,
    ]),
  };
}

export function cpuPanel(measured: Measured[], title = 'CPU time per request'): Panel {
  return { title, unit: 'µs', bars: measured.map(({ name, role, cpu }) => ({ label: name, role, value: cpu })) };
}

export function throughputPanel(measured: Measured[], title = 'Throughput'): Panel {
  return {
    title,
    unit: 'requests/s',
    moreIsBetter: true,
    bars: measured.map(({ name, role, perSecond }) => ({ label: name, role, value: perSecond })),
  };
}

/** Holds a ratio against its limit. */
export function ratioTarget(what: string, ratio: number, bound: { atMost: number } | { atLeast: number } | 'ahead'): Target {
  const measured = `${ratio.toFixed(2)} ×`;
  if (bound === 'ahead') return { what, target: 'ahead', measured, met: ratio < 1 };
  if ('atMost' in bound) return { what, target: `at most ${bound.atMost} ×`, measured, met: ratio <= bound.atMost };
  return { what, target: `at least ${bound.atLeast} ×`, measured, met: ratio >= bound.atLeast };
}
