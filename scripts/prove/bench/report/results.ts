import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { LoopbackCost } from '../load/loopback.ts';
import { benchHome } from '../processes.ts';
import type { Result } from '../question.ts';
import { addRun, type Run, thisComputer, valuesOf } from './runs.ts';

/** A result and how it came about. */
export type Record = Result & Omit<Run, 'targets'>;

const folder = join(benchHome, 'results');

export function recordOf(question: string, result: Result, loopback: LoopbackCost): Record {
  const at = new Date().toISOString().slice(0, 16).replace('T', ' ');
  return { question, at, load: loadavg()[0]!, loopback, ...thisComputer(), ...result };
}

/** Keeps it for the page, and what came of its targets for the pages of later runs. */
export function saveRecord(record: Record): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${record.question}.json`), JSON.stringify(record, null, 2));
  const { question, at, computer, description, load, loopback, targets } = record;
  addRun({ question, at, computer, description, load, loopback, targets: valuesOf(targets) });
}

export function savedRecord(question: string): Record | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, `${question}.json`), 'utf8'));
  } catch {
    return undefined;
  }
}
