import { type ChildProcess, fork } from 'node:child_process';
import type { Reading } from './order.ts';

/** A child that dies this often with the same message in hand, alone, was killed by it. */
const ATTEMPTS = 3;
/** Milliseconds for one reading, which takes less than one. */
const TIMEOUT = 10_000;
/** Milliseconds after which a child that has nothing to read is ended. */
const IDLE = 10_000;

export interface IsolatedReader {
  /** Answers one at a time. `undefined`: the message kills whoever reads it. */
  read(content: Uint8Array): Promise<Reading | undefined>;
  close(): void;
}

/**
 * Reads messages in a child process, so that one that kills its reader (memory, stack, a bug in the runtime) is known by what it
 * does, takes nothing else with it, and is never confused with the messages that were near when somebody killed billing.
 */
export function createIsolatedReader(reader: URL): IsolatedReader {
  let child: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function close(): void {
    clearTimeout(idle);
    child?.kill('SIGKILL');
    child = undefined;
  }

  function start(): ChildProcess {
    // No environment: it needs no credential.
    const started = fork(new URL('./reader-process.ts', import.meta.url), [reader.href], {
      env: {},
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: 'ignore',
    });
    started.unref();
    started.channel?.unref();
    return started;
  }

  function ask(content: Uint8Array): Promise<Reading | undefined> {
    child ??= start();
    const asked = child;
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(() => asked.kill('SIGKILL'), TIMEOUT);
      const end = (settle: () => void) => {
        clearTimeout(timeout);
        asked.removeAllListeners();
        asked.on('error', () => {});
        settle();
      };
      asked.once('message', (reading: Reading) => end(() => resolve(reading)));
      asked.once('exit', () => {
        if (child === asked) child = undefined;
        end(() => resolve(undefined));
      });
      asked.once('error', (error) => {
        close();
        end(() => reject(error));
      });
      asked.send(content, (error) => error && asked.kill('SIGKILL'));
    });
  }

  async function read(content: Uint8Array): Promise<Reading | undefined> {
    clearTimeout(idle);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const reading = await ask(content);
      if (reading) {
        idle = setTimeout(close, IDLE).unref();
        return reading;
      }
    }
    return undefined;
  }

  return {
    close,
    read(content) {
      const reading = last.then(() => read(content));
      last = reading.catch(() => {});
      return reading;
    },
  };
}
