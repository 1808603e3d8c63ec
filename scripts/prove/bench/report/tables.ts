import { megabytes } from '../../usage.ts';
import type { Role } from '../contender.ts';
import type { Bar, Panel, Table } from '../question.ts';
import type { Measured } from '../rounds.ts';
import { type Figure, figure, type Spread } from './figures.ts';

/** The median, and in brackets the least and the most of the starts. */
export function spreadText({ median, min, max }: Spread, unit: string, digits = 0): string {
  const [middle, least, most] = [median, min, max].map((value) => value.toFixed(digits));
  return `${middle} ${unit}${least === most ? '' : ` (${least}–${most})`}`;
}

/** A line for each, with what it takes in comparison to the first, which is ours. `unit` is what the work is counted in. */
export function comparison(measured: Measured[], { title, unit = 'request' }: { title?: string; unit?: string } = {}): Table {
  const ours = measured[0]!;
  const answers = ours.turns[0]!.p99 !== undefined;
  return {
    ...(title && { title }),
    columns: ['', `CPU per ${unit}`, 'user', 'system', '× ours', `${unit}s/s`, ...(answers ? ['p50', 'p99'] : []), 'memory'],
    rows: measured.map((one) => {
      const of = (name: Figure) => figure(one, name);
      const milliseconds = (name: Figure) => spreadText(of(name), 'ms', 1);
      return [
        label(one),
        spreadText(of('cpu'), 'µs'),
        `${of('user').median.toFixed(0)} µs`,
        `${of('system').median.toFixed(0)} µs`,
        (of('cpu').median / figure(ours, 'cpu').median).toFixed(2),
        of('perSecond').median.toFixed(0),
        ...(answers ? [`${of('p50').median.toFixed(1)} ms`, milliseconds('p99')] : []),
        megabytes(of('memory').median),
      ];
    }),
  };
}

function label({ name, role, turns }: { name: string; role: Role } & Pick<Measured, 'turns'>): string {
  const failed = turns.reduce((sum, turn) => sum + turn.failed, 0);
  return `${name}${role === 'limit' ? ' (limit)' : ''}${failed ? ` (${failed} failed)` : ''}`;
}

export const cpuPanel = (measured: Measured[], title = 'CPU time per request'): Panel => ({
  title,
  unit: 'µs',
  bars: bars(measured, 'cpu'),
});

export const throughputPanel = (measured: Measured[], title = 'Throughput', unit = 'requests'): Panel => ({
  title,
  unit: `${unit}/s`,
  moreIsBetter: true,
  bars: bars(measured, 'perSecond'),
});

const bars = (measured: Measured[], name: Figure): Bar[] =>
  measured.map((one) => {
    const { median, min, max } = figure(one, name);
    return { label: one.name, role: one.role, value: median, from: min, to: max };
  });
