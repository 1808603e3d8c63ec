import type { Environment } from '../../run/stack/environment.ts';
import type { Role } from './contender.ts';

export interface Bench {
  /** Fewer rounds, shorter ones, smaller sizes. */
  quick: boolean;
  environment: Environment;
  say(text: string): void;
}

export interface Question {
  name: string;
  ask(bench: Bench): Promise<Result>;
}

interface Bar {
  label: string;
  value: number;
  role: Role;
}

/** Bars of one unit; shorter is better, unless `moreIsBetter`. */
export interface Panel {
  title: string;
  unit: string;
  moreIsBetter?: boolean;
  bars: Bar[];
}

export interface Table {
  title?: string;
  columns: string[];
  rows: string[][];
}

export interface Target {
  what: string;
  target: string;
  measured: string;
  /** Undefined: not measured in this run. */
  met: boolean | undefined;
}

export interface Result {
  title: string;
  /** What exactly was done, in a few sentences. */
  method: string;
  tables: Table[];
  panels: Panel[];
  targets: Target[];
  /** What explains a target that is not met. */
  notes?: string;
}
