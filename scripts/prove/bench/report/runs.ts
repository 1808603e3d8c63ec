import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../../../run/checkout.mjs';
import type { LoopbackCost } from '../load/loopback.ts';
import type { Target } from '../question.ts';

/** One answer to one question, kept so that the page can say on how many computers and days it was asked. */
export interface Run {
  question: string;
  /** YYYY-MM-DD HH:MM, UTC */
  at: string;
  /** Tells computers of one model apart. */
  computer: string;
  description: string;
  /** Load average when the question was answered. Above the number of processors, others were at work too. */
  load: number;
  loopback: LoopbackCost;
  /** Of each target what was measured. */
  targets: Record<string, string>;
}

/** In the repository: other computers add theirs. */
const file = join(checkout, 'docs', 'benchmarks', 'runs.json');

export const savedRuns = (): Run[] => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []);

export function addRun(run: Run): void {
  writeFileSync(file, `${JSON.stringify([...savedRuns(), run], null, 1)}\n`);
}

export const valuesOf = (targets: Target[]): Run['targets'] =>
  Object.fromEntries(targets.map(({ what, value }) => [what, value]));

export function thisComputer(): Pick<Run, 'computer' | 'description'> {
  const model = cpus()[0]!.model.trim();
  const description = `${model}, ${cpus().length} processors, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${process.platform}, Node ${process.versions.node}`;
  const identity = [hostname(), model, totalmem()].join('\n');
  return { computer: createHash('sha256').update(identity).digest('hex').slice(0, 8), description };
}

/** In words: on how many computers and days these were. */
export function occasions(runs: Run[]): string {
  const count = (values: string[], one: string) => {
    const { size } = new Set(values);
    return `${size} ${one}${size === 1 ? '' : 's'}`;
  };
  const computers = count(
    runs.map(({ computer }) => computer),
    'computer',
  );
  return `${computers} on ${count(
    runs.map(({ at }) => at.slice(0, 10)),
    'day',
  )}`;
}
