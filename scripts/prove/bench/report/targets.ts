import type { Target } from '../question.ts';
import type { Measured } from '../rounds.ts';
import type { Ratio } from './figures.ts';
import { dependsOnHost, slowest } from './figures.ts';

type Bound = { atMost: number } | { atLeast: number } | 'ahead';

/** Holds a ratio against its limit. */
export function ratioTarget(what: string, ratio: Ratio, bound: Bound): Target {
  const [value, min, max] = [ratio.median, ratio.min, ratio.max].map((one) => one.toFixed(2));
  const measured = `${value} × (${min}–${max})`;
  const common = { what, measured, value: `${value} ×`, ...(dependsOnHost(ratio) && { parts: ratio.parts }) };
  if (bound === 'ahead') return { ...common, target: 'ahead', met: ratio.median < 1 };
  if ('atMost' in bound) return { ...common, target: `at most ${bound.atMost} ×`, met: ratio.median <= bound.atMost };
  return { ...common, target: `at least ${bound.atLeast} ×`, met: ratio.median >= bound.atLeast };
}

/** Starts of which the slowest is held against the one in the middle. */
export const STARTS = 10;

/** What one start costs must not differ from the next. */
export function steadinessTarget(work: string, ours: Measured): Target {
  const starts = ours.turns.length;
  const value = `${slowest(ours).toFixed(2)} ×`;
  return {
    what: `${work}, CPU of the slowest start of ${STARTS} / median`,
    target: 'at most 1.15 ×',
    value,
    measured: starts < STARTS ? `${value} (of ${starts} starts only)` : value,
    met: starts < STARTS ? undefined : slowest(ours) <= 1.15,
  };
}

/** Holds an amount against the most that is allowed. */
export function amountTarget(what: string, amount: number, atMost: number, unit: string, digits = 0): Target {
  const value = `${amount.toFixed(digits)} ${unit}`;
  return { what, target: `at most ${atMost} ${unit}`, value, measured: value, met: amount <= atMost };
}
