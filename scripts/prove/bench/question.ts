import type { Role } from './contender.ts';
import type { Product } from './product.ts';
import type { Measured } from './rounds.ts';

export interface Bench {
  /** Fewer starts, less load, smaller sizes. */
  quick: boolean;
  /** Minutes of load before memory is read. */
  minutes: number;
  ours: Product;
  say(text: string): void;
}

export interface Question {
  name: string;
  /** Not asked in a quick run, unless by name. */
  takesLong?: true;
  ask(bench: Bench): Promise<Result>;
  /** What of it can be measured of several revisions of the project, one beside the other. */
  works?: Work[];
}

export interface Work {
  name: string;
  /** What it is counted in: "request" unless it says otherwise. */
  unit?: string;
  measure(bench: Bench, products: Product[]): Promise<Measured[]>;
}

export interface Bar {
  label: string;
  value: number;
  role: Role;
  /** The least and the most of several starts. */
  from?: number;
  to?: number;
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
  /** With the spread. */
  measured: string;
  /** Without it, to be set beside other runs. */
  value: string;
  /** Undefined: not measured in this run. */
  met: boolean | undefined;
  /** Of a ratio that depends on how dear a system call is: the ratios of user time and of system time alone. */
  parts?: { user: number; system: number };
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
