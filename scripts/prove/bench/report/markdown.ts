import { columnWidths } from '../../../run/terminal/table.ts';
import type { Table } from '../question.ts';

export function markdownTable({ title, columns, rows }: Table): string {
  const widths = columnWidths([columns, ...rows]).map((width) => Math.max(width, 3));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [...(title ? [`**${title}**`, ''] : []), line(columns), rule, ...rows.map(line)].join('\n');
}
