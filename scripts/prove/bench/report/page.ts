import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../../run/checkout.mjs';
import type { LoopbackCost } from '../load/loopback.ts';
import type { Target } from '../question.ts';
import { barChart } from './chart.ts';
import { markdownTable } from './markdown.ts';
import type { Record } from './results.ts';
import { occasions, type Run } from './runs.ts';

const docs = join(checkout, 'docs');

const method = (records: Record[]) => `# Benchmarks

\`npm run bench\` measures all of this and writes this page. \`--only NAME\` asks one question, \`--only NAME,NAME\` several:

${markdownTable({
  columns: ['NAME', 'question'],
  rows: records.map(({ question, title }) => [`\`${question}\``, `[${title}](#${anchor(title)})`]),
})}

\`--quick\` takes less than three minutes, asks neither \`profile\` nor \`prisma\` nor \`instances\` nor \`traces\`, prints less exact figures and leaves this page alone. \`--compare REV\` measures this checkout beside
another revision of itself (a tag, a branch, a commit), each with servers of its own.

Every contender runs as a process of its own on loopback, peers in production mode, with kept-alive connections and pools and
without logs, the product exactly as it ships. **Each is started anew for every round**: the same program can be fast in one start and slow in the next.
The contenders take turns, so that what else the computer does hits them alike. Figures are medians of the starts, with the least and the most of them in
brackets. The main figure is the processor time that the process under test used for a unit of work, in the program (user) and in the kernel for it (system):
it holds on a noisy computer too. Memory is the resident set at the end of the load. Throughput and latency are what this computer gave while load, broker and
database shared it with the process under test. Numbers compare within a table, not across computers.`;

/** \`docs/benchmarks.md\` and a picture for each question. */
export function writePage(records: Record[], runs: Run[]): void {
  mkdirSync(join(docs, 'benchmarks'), { recursive: true });
  for (const { question, title, panels } of records.filter(hasPicture)) {
    writeFileSync(join(docs, 'benchmarks', `${question}.svg`), barChart(title, panels));
  }
  const text = [
    method(records),
    `Measured on ${occasions(runs)}: see [the runs](#the-runs).`,
    '## Targets',
    targetTable(records, runs),
    hostNote(records.flatMap(({ targets }) => targets)),
    ...records.map(section),
    '## The runs',
    runTable(runs),
  ];
  writeFileSync(join(docs, 'benchmarks.md'), `${text.filter(Boolean).join('\n\n')}\n`);
}

/** As a forge makes it of a heading. */
const anchor = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replaceAll(' ', '-');

const hasPicture = ({ panels }: Record) => panels.length > 0;

const section = (record: Record) => {
  const { question, title, method, tables, notes, at, description, load, loopback } = record;
  return `## ${title}

${method}

${[...(hasPicture(record) ? [`![${title}](benchmarks/${question}.svg)`] : []), ...tables.map(markdownTable), ...(notes ? [notes] : [])].join('\n\n')}

Measured ${at} UTC on ${description}, load average ${load.toFixed(1)}. ${loopbackText(loopback)}`;
};

export const loopbackText = ({ user, system }: LoopbackCost) =>
  `A small write over loopback and its read cost ${(user + system).toFixed(1)} µs of processor time then, ${system.toFixed(1)} µs of it in the kernel.`;

/** What each target came to, here and in the runs that are known. */
export const targetTable = (records: Pick<Record, 'question' | 'targets'>[], runs: Run[] = []) =>
  markdownTable({
    columns: ['what', 'target', 'measured', '', ...(runs.length > 0 ? ['in all runs'] : [])],
    rows: records
      .flatMap(({ targets }) => targets)
      .map(({ what, target, measured, met }) => [
        what,
        target,
        measured,
        verdict(met),
        ...(runs.length > 0 ? [runs.flatMap(({ targets }) => targets[what] ?? []).join(', ')] : []),
      ]),
  });

const verdict = (met: Target['met']) => (met === undefined ? '–' : met ? 'met' : 'not met');

/** Names the ratios that another host would give otherwise, whatever the programs do. */
export function hostNote(targets: Target[]): string {
  const lines = targets.flatMap(({ what, parts }) =>
    parts ? [`- ${what}: ${parts.user.toFixed(2)} × of user time, ${parts.system.toFixed(2)} × of system time`] : [],
  );
  return lines.length === 0
    ? ''
    : `These ratios depend on how dear a system call is on the host, because the two differ in how much of their time is the kernel's:\n\n${lines.join('\n')}`;
}

const runTable = (runs: Run[]) =>
  markdownTable({
    columns: ['when (UTC)', 'question', 'computer', 'load average', 'loopback, system'],
    rows: runs.map(({ at, question, computer, description, load, loopback }) => [
      at,
      question,
      `${computer}: ${description}`,
      load.toFixed(1),
      `${loopback.system.toFixed(1)} µs`,
    ]),
  });
