import { median } from '../../statistics.ts';
import type { Turn } from '../contender.ts';
import type { Measured } from '../rounds.ts';

export type Figure = 'cpu' | 'user' | 'system' | 'perSecond' | 'p50' | 'p99' | 'memory';

/** The middle of several starts, and how far they lie apart. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface Ratio extends Spread {
  /** Of processor time: the same ratio of what the programs use themselves, and of what the kernel does for them */
  parts?: { user: number; system: number };
}

const figureOf = (turn: Turn, figure: Figure): number =>
  figure === 'cpu' ? turn.user + turn.system : (turn[figure] ?? Number.NaN);

export function spread(values: number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export const figure = ({ turns }: Measured, name: Figure): Spread => spread(turns.map((turn) => figureOf(turn, name)));

export const named = (measured: Measured[], name: string): Measured => measured.find((one) => one.name === name)!;

/** Of the medians; least and most are those of the rounds, in which both ran one shortly after the other. */
export function ratio(one: Measured, other: Measured, name: Figure): Ratio {
  const rounds = one.turns.map((turn, i) => figureOf(turn, name) / figureOf(other.turns[i]!, name));
  const of = (part: Figure) => figure(one, part).median / figure(other, part).median;
  return {
    ...spread(rounds),
    median: of(name),
    ...(name === 'cpu' && { parts: { user: of('user'), system: of('system') } }),
  };
}

/** Whether that ratio would be another one where system calls are dearer, or cheaper, than here. */
export const dependsOnHost = ({ parts }: Ratio): boolean =>
  parts !== undefined && Math.max(parts.user, parts.system) > 1.1 * Math.min(parts.user, parts.system);

/** The slowest start in comparison to the one in the middle. */
export function slowest({ turns }: Measured): number {
  const { median: middle, max } = spread(turns.map((turn) => figureOf(turn, 'cpu')));
  return max / middle;
}
