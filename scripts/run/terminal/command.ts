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
    console.error(isForUsers(error) ? error.message : error);
    process.exitCode = 1;
  }
}

/** Also what `parseArgs` says of an option that does not exist. */
function isForUsers(error: unknown): error is Error {
  return error instanceof Failure || !!(error as NodeJS.ErrnoException)?.code?.startsWith?.('ERR_PARSE_ARGS');
}
