import cluster from 'node:cluster';
import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * Where this process writes: its standard output and standard error; or, as a worker of PM2's cluster mode, the log files of its
 * app. There PM2 collects only what passes `process.stdout.write`, which is lost when the process ends right after.
 * Synchronous, and still good when PM2's daemon is frozen or dead.
 */
export interface Output {
  write(text: string): void;
}

export const standardOutput: Output = createOutput(1, 'pm_out_log_path', 'log:out');
export const standardError: Output = createOutput(2, 'pm_err_log_path', 'log:err');

/** `variable`: in which PM2 tells a worker its file. `topic`: by which `pm2 logs` learns of new lines. */
function createOutput(fallback: number, variable: string, topic: string): Output {
  let opened: number | undefined;
  const open = () => {
    opened = openLog(process.env[variable]) ?? fallback;
    // What `pm2 reloadLogs` sends after the files were rotated.
    process.on('message', (message: { type?: string }) => {
      if (message.type !== 'log:reload') return;
      const rotated = opened!;
      opened = openLog(process.env[variable]) ?? fallback;
      if (rotated !== fallback) closeSync(rotated);
    });
    return opened;
  };
  return {
    write(text) {
      if (!cluster.isWorker) return writeAll(fallback, text);
      writeAll(opened ?? open(), text);
      follow(topic, text);
    },
  };
}

function openLog(path: string | undefined): number | undefined {
  try {
    return path ? openSync(path, 'a') : undefined;
  } catch {
    return undefined; // PM2's own log takes it
  }
}

/** Synchronously, because nothing else is sure to be out before the process ends. */
function writeAll(file: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(file, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // no reader, no space: there is nowhere to say so
      Atomics.wait(pause, 0, 0, FULL_PIPE_PAUSE);
    }
  }
}

/** Milliseconds until a full pipe is tried again. */
const FULL_PIPE_PAUSE = 5;

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Texts that may be on their way to PM2's daemon. When it is frozen, what comes after them is in the file alone. */
const MAX_UNSENT = 64;
let unsent = 0;

/** For those who follow the log with `pm2 logs`: PM2 shows them what it is sent, and does not read the file again. */
function follow(topic: string, data: string): void {
  if (unsent >= MAX_UNSENT || !process.connected) return;
  unsent++;
  process.send!({ type: topic, topic, data }, undefined, undefined, () => {
    unsent--;
  });
}
