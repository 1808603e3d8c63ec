import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { columnWidths } from '../../run/terminal/table.ts';
import { barChart } from './chart.ts';
import { benchHome } from './contender.ts';
import type { Result, Table, Target } from './question.ts';

/** A result and how it came about. */
interface Record extends Result {
  question: string;
  measuredAt: string;
  quick: boolean;
  computer: string;
  /** Load average when the question was answered. Above the number of processors, others were at work too. */
  load: number;
}

const docs = join(checkout, 'docs');
const folder = join(benchHome, 'results');

export function saveResult(question: string, result: Result, quick: boolean): void {
  mkdirSync(folder, { recursive: true });
  const record: Record = {
    question,
    measuredAt: new Date().toISOString().slice(0, 16).replace('T', ' '),
    quick,
    load: loadavg()[0]!,
    computer: `${cpus()[0]!.model.trim()}, ${cpus().length} processors, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${process.platform}, Node ${process.versions.node}`,
    ...result,
  };
  writeFileSync(join(folder, `${question}.json`), JSON.stringify(record, null, 2));
}

export function savedResult(question: string): Record | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, `${question}.json`), 'utf8'));
  } catch {
    return undefined;
  }
}

const CAVEAT = `Every contender runs as a process of its own on loopback, peers in production mode, with kept-alive connections and pools and
without logs, the product exactly as it ships. The contenders take turns, round by round, so that what else the computer does hits them alike; the figures
are medians of the rounds. The main figure is the processor time (user and system) that the process under test used for a unit of work:
it holds on a noisy computer too. Throughput and latency are what this computer gave while load, broker and database
shared it with the process under test. Numbers compare within a table, not across computers.`;

/** \`docs/benchmarks.md\` and a picture for each question. */
export function writeDocuments(records: Record[]): void {
  mkdirSync(join(docs, 'benchmarks'), { recursive: true });
  for (const { question, title, panels } of records) {
    writeFileSync(join(docs, 'benchmarks', `${question}.svg`), barChart(title, panels));
  }
  const sections = records.map(
    ({ question, title, method, tables, notes, measuredAt, quick, computer, load }) => `## ${title}

${method}

![${title}](benchmarks/${question}.svg)

${[...tables.map(markdownTable), ...(notes ? [notes] : [])].join('\n\n')}

Measured ${measuredAt} UTC${quick ? ' in a quick run' : ''} on ${computer}, load average ${load.toFixed(1)}.`,
  );
  writeFileSync(
    join(docs, 'benchmarks.md'),
    `# Benchmarks

\`npm run bench\` measures all of this and writes this page. \`npm run bench -- --quick\` takes three minutes and is less exact;
\`--only NAME\` asks one question: ${records.map(({ question }) => question).join(', ')}.

${CAVEAT}

## Targets

${targetTable(records)}

${sections.join('\n\n')}
`,
  );
}

export const targetTable = (records: Pick<Record, 'targets'>[]) =>
  markdownTable({
    columns: ['what', 'target', 'measured', ''],
    rows: records
      .flatMap(({ targets }) => targets)
      .map(({ what, target, measured, met }) => [what, target, measured, verdict(met)]),
  });

const verdict = (met: Target['met']) => (met === undefined ? '–' : met ? 'met' : 'not met');

export function markdownTable({ title, columns, rows }: Table): string {
  const widths = columnWidths([columns, ...rows]).map((width) => Math.max(width, 3));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [...(title ? [`**${title}**`, ''] : []), line(columns), rule, ...rows.map(line)].join('\n');
}
