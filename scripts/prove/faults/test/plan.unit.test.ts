import { expect, test } from 'vitest';
import { orders } from '../orders.ts';
import { KINDS, nameOf, planStrikes } from '../plan.ts';

function some(seed: string, count: number) {
  const source = orders(seed);
  return Array.from({ length: count }, () => source.next().value);
}

const faultsOf = (seed: string, count: number) => planStrikes(seed, count).flatMap(({ faults }) => faults);

test('a seed always gives the same faults and orders, another seed gives others', () => {
  expect(planStrikes('a', 50)).toEqual(planStrikes('a', 50));
  expect(planStrikes('a', 50)).not.toEqual(planStrikes('b', 50));
  expect(some('a', 20)).toEqual(some('a', 20));
  expect(some('a', 20)).not.toEqual(some('b', 20));
});

test.each([0, 1, 2, 5, 12, 200])('a plan of %d faults has so many', (count) => {
  expect(faultsOf('seed', count)).toHaveLength(count);
});

test('two faults of one strike overlap and have different targets', () => {
  const pairs = planStrikes('seed', 200).filter(({ faults }) => faults.length === 2);
  expect(pairs.length).toBeGreaterThan(10);
  for (const { faults } of pairs) {
    expect(faults[1]!.target).not.toBe(faults[0]!.target);
    expect(faults[1]!.delay).toBeLessThanOrEqual(faults[0]!.hold);
  }
});

test('the default plan has every kind of fault, and a short one those that tell most', () => {
  expect(new Set(faultsOf('any', 200).map(nameOf))).toEqual(new Set(KINDS.map(nameOf)));
  expect(faultsOf('any', 7).map(nameOf)).toEqual(
    expect.arrayContaining(['billing_app SIGKILL', 'gateway-broker requests lost', 'billing-broker requests lost']),
  );
});

test('no two orders of a run have the same user, and a key belongs to one order', () => {
  const all = some('seed', 2000);
  expect(new Set(all.map(({ userId }) => userId)).size).toBe(2000);
  const keys = all.flatMap(({ key }) => key ?? []);
  expect(new Set(keys).size).toBe(keys.length);
});
