import { ConfigurationError } from '@crud-master/plumbing/environment';
import { commandName } from './command-name.mjs';
import { errorSentence } from './error-sentence.mjs';
import { Failure } from './failure.mjs';

/**
 * Runs what a command does, and ends the program as a user expects: the status that `work` gives (or 0), and on a failure
 * one sentence and status 1. A reader that leaves, as `head -1` does, ends nothing: the work is done and its status is told.
 */
export async function runCommand(work: () => Promise<number | undefined>): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  try {
    process.exitCode = (await work()) ?? 0;
  } catch (error) {
    console.error(sentenceOf(error as Error));
    process.exitCode = 1;
  }
}

/** What a user is told of an error. */
export function sentenceOf(error: Error): string {
  if (error instanceof Failure || error instanceof ConfigurationError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  // Node adds how to give an option's name as a value, which no command here takes.
  if (code?.startsWith?.('ERR_PARSE_ARGS'))
    return `${error.message.split(/\. |\.?$/)[0]}: ${commandName()} -- --help says what it takes.`;
  return errorSentence(error);
}

/** Says that sentence when the user, or the system, ends this program before its work is done, with the status that a shell expects. */
export function endWith(sentence: string): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => {
      console.error(sentence);
      process.exit(status);
    });
  }
}
