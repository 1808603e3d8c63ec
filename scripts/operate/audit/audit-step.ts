import type { Answer, Done, Target } from './target.ts';

export interface Audit {
  target: Target;
  /** Whether the whole catalogue may be deleted, also when it holds more than the audit's own films. */
  deleteAll: boolean;
  /** Prints a command and its result, and passes them on. */
  show<T extends Done>(done: Promise<T>): Promise<T>;
}

export interface Step {
  title: string;
  /** Throws a sentence that says what is wrong; may return one that says why it was left out. */
  run(audit: Audit): Promise<string | undefined>;
}

export const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** The gateway's answer as JSON, which must have that status. */
export async function answered<T>(status: number, answer: Promise<Answer>): Promise<T> {
  const { status: actual, output } = await answer;
  expect(actual === status, `expected ${status}, the answer was ${actual}`);
  return (output ? JSON.parse(output) : undefined) as T;
}
