import { describe, expect, it } from 'vitest';
import type { Contender, Turn } from '../contender.ts';
import { dependsOnHost, figure, ratio, slowest } from '../report/figures.ts';
import { ratioTarget, steadinessTarget } from '../report/targets.ts';
import { type Measured, measure } from '../rounds.ts';

const turn = (user: number, system = 0): Turn => ({
  units: 1,
  failed: 0,
  perSecond: 1000,
  user,
  system,
  memory: 0,
  alongside: {},
});

const measured = (...turns: Turn[]): Measured => ({ name: 'one', role: 'ours', turns });

describe('the rounds', () => {
  const tellsTurn = (name: string, told: string[]): Contender => ({
    name,
    role: 'peer',
    async turn() {
      told.push(name);
      return turn(told.length);
    },
  });

  it('start every contender anew in every round, each round from another one on', async () => {
    const told: string[] = [];
    const results = await measure([tellsTurn('a', told), tellsTurn('b', told)], 3, () => {});
    expect(told.join('')).toBe('abbaab');
    expect(results.map(({ turns }) => turns.map(({ user }) => user))).toEqual([
      [1, 4, 5],
      [2, 3, 6],
    ]);
  });
});

describe('figures of several starts', () => {
  it('are the median, the least and the most', () => {
    expect(figure(measured(turn(20, 4), turn(50, 5), turn(21, 5)), 'cpu')).toEqual({ median: 26, min: 24, max: 55 });
  });

  it('are compared by their medians, and spread as the rounds do', () => {
    const { median, min, max } = ratio(measured(turn(20), turn(60), turn(30)), measured(turn(10), turn(20), turn(20)), 'cpu');
    expect([median, min, max]).toEqual([1.5, 1.5, 3]);
  });

  it('tell a slow start from the others', () => {
    expect(slowest(measured(turn(20), turn(20), turn(38)))).toBe(1.9);
  });
});

describe('a target', () => {
  const host = (ours: Turn, theirs: Turn) => ratio(measured(ours), measured(theirs), 'cpu');

  it('names the parts of a ratio that another host would change', () => {
    expect(dependsOnHost(host(turn(30, 10), turn(10, 10)))).toBe(true);
    expect(ratioTarget('film', host(turn(30, 10), turn(10, 10)), { atMost: 1.2 })).toMatchObject({
      measured: '2.00 × (2.00–2.00)',
      met: false,
      parts: { user: 3, system: 1 },
    });
  });

  it('names no parts where both programs divide their time alike', () => {
    expect(dependsOnHost(host(turn(30, 15), turn(20, 10)))).toBe(false);
    expect(ratioTarget('film', host(turn(30, 15), turn(20, 10)), 'ahead')).not.toHaveProperty('parts');
  });

  it('of the slowest start of ten is not decided by fewer', () => {
    expect(steadinessTarget('film', measured(...Array.from({ length: 9 }, () => turn(20)))).met).toBeUndefined();
    expect(steadinessTarget('film', measured(...Array.from({ length: 10 }, () => turn(20)))).met).toBe(true);
    expect(steadinessTarget('film', measured(turn(24), ...Array.from({ length: 9 }, () => turn(20)))).met).toBe(false);
  });
});
