import type { Product } from './product.ts';
import type { Bench, Question, Table, Work } from './question.ts';
import { type Figure, figure, ratio, slowest } from './report/figures.ts';
import { markdownTable } from './report/markdown.ts';
import { comparison } from './report/tables.ts';
import type { Measured } from './rounds.ts';

/** Measures this checkout beside another revision of itself, and prints what differs. */
export async function compare(bench: Bench, other: Product, questions: Question[]): Promise<void> {
  const compared: { work: Work; measured: Measured[] }[] = [];
  for (const work of questions.flatMap(({ works = [] }) => works)) {
    console.log(`\n${work.name}`);
    const measured = await work.measure(bench, [bench.ours, other]);
    compared.push({ work, measured });
    console.log(`\n${markdownTable(comparison(measured, { unit: work.unit }))}`);
  }
  console.log(`\n${markdownTable(summary(bench.ours, other, compared))}\n`);
  console.log('Ratios of the medians; in brackets the least and the most of the rounds.');
}

function summary(ours: Product, other: Product, compared: { work: Work; measured: Measured[] }[]): Table {
  const cell = ([one, base]: Measured[], name: Figure) => {
    if (Number.isNaN(figure(one!, name).median)) return '';
    const { median, min, max } = ratio(one!, base!, name);
    return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
  };
  return {
    title: `${ours.name} / ${other.name}`,
    columns: ['', 'CPU', 'user', 'system', 'throughput', 'p99', 'memory', 'slowest start / median'],
    rows: compared.map(({ work, measured }) => [
      work.name,
      ...(['cpu', 'user', 'system', 'perSecond', 'p99', 'memory'] as const).map((name) => cell(measured, name)),
      measured.map((one) => slowest(one).toFixed(2)).join(' / '),
    ]),
  };
}
