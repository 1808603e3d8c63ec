import { createInterface } from 'node:readline/promises';
import { Failure } from './failure.mjs';

/** Whether the user says yes, on the terminal. Ctrl-C and Ctrl-D are no. Throws a Failure, `advice`, where nobody can be asked. */
export async function confirm(question: string, advice: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Failure(advice);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `).catch((error: Error) => {
    if (error.name !== 'AbortError') throw error;
    console.error(); // the cursor is behind the question
    return '';
  });
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
