import { expect, test } from 'vitest';
import { type Flow, SECONDS, summarize, Traffic } from '../app/live/traffic.ts';

function at(start = 0) {
  const clock = { now: start };
  return { clock, traffic: new Traffic(() => clock.now) };
}

const summary = (traffic: Traffic, flow: Flow) => summarize([traffic.portion()], flow);

/** The last so many whole seconds, the oldest first. */
function history(traffic: Traffic, seconds: number): number[] {
  const last = traffic.lastSecond();
  return Array.from({ length: seconds }, (_, i) => traffic.at('films', last - seconds + 1 + i + SECONDS));
}

test('a second counts when it is over', () => {
  const { clock, traffic } = at(100.2);
  for (let n = 0; n < 7; n++) traffic.note('films', 1);
  expect(summary(traffic, 'films').perSecond).toBe(0);
  clock.now = 101;
  expect(summary(traffic, 'films').perSecond).toBe(7);
  expect(summary(traffic, 'orders').perSecond).toBe(0);
  clock.now = 102;
  expect(summary(traffic, 'films').perSecond).toBe(0);
});

test('percentiles are of the last ten seconds, within a fifth', () => {
  const { clock, traffic } = at();
  for (let n = 0; n < 98; n++) traffic.note('orders', 10);
  for (let n = 0; n < 2; n++) traffic.note('orders', 400);
  const { p50, p99 } = summary(traffic, 'orders');
  expect(p50! / 10).toBeCloseTo(1, 0);
  expect(p99! / 400).toBeGreaterThan(0.8);
  expect(p99! / 400).toBeLessThan(1.2);
  clock.now = 12;
  expect(summary(traffic, 'orders')).toEqual({ perSecond: 0, p50: null, p99: null });
});

test.each([
  [0, 0.1],
  [0.001, 0.1],
  [1e9, 5511.3],
])('%s ms is the least or the most that is told apart', (ms, shown) => {
  const { traffic } = at();
  traffic.note('films', ms);
  expect(summary(traffic, 'films').p50).toBeCloseTo(shown, 0);
});

test('every second of the last fifteen minutes is known, and what is older forgotten', () => {
  const { clock, traffic } = at();
  for (const second of [0, 1, 1, 3]) {
    clock.now = second;
    traffic.note('films', 1);
  }
  clock.now = 5;
  expect(history(traffic, 5)).toEqual([1, 2, 0, 1, 0]);
  clock.now = SECONDS + 2;
  expect(history(traffic, SECONDS).filter(Boolean)).toEqual([1]);
  clock.now = 10 * SECONDS;
  expect(history(traffic, SECONDS).some(Boolean)).toBe(false);
});

test('refusals are counted by kind, and there are never more kinds than fit', () => {
  const { traffic } = at();
  traffic.note('orders', 1, 'broker-unreachable');
  traffic.note('orders', 1, 'broker-unreachable');
  traffic.note('films', 1, '404');
  expect(traffic.refusals()).toEqual({ 'broker-unreachable': 2, '404': 1 });
  for (let n = 0; n < 1000; n++) traffic.note('films', 1, `kind-${n}`);
  expect(Object.keys(traffic.refusals()).length).toBeLessThan(50);
  expect(traffic.refusals().other).toBeGreaterThan(900);
});
