import { createLogFile, type LogFile, writeAll } from './log-file.ts';

/**
 * Where this process writes: its standard output and standard error; or, under PM2, the log files of its app. PM2 takes what comes
 * through its own hands into them late or never: it loses that of a worker that ends right after, and of a forked process while it
 * opens the files anew, and takes nothing while it is frozen. Synchronous, and still good when PM2's daemon is frozen or dead.
 */
export interface Output {
  write(text: string): void;
}

export const standardOutput: Output = createOutput(1, 'pm_out_log_path', 'log:out');
export const standardError: Output = createOutput(2, 'pm_err_log_path', 'log:err');

/** `variable`: in which PM2 tells a process its file. `topic`: by which `pm2 logs` learns of new lines. */
function createOutput(fallback: number, variable: string, topic: string): Output {
  let log: LogFile | undefined;
  let isOpen = false;
  return {
    write(text) {
      if (!isOpen) log = openLog(process.env[variable]);
      isOpen = true;
      if (!log) return writeAll(fallback, Buffer.from(text));
      log.write(text);
      follow(topic, text);
    },
  };
}

/** None for what PM2 has not started: who starts a service by hand may have PM2's variables from elsewhere. */
function openLog(path: string | undefined): LogFile | undefined {
  try {
    return path && process.send ? createLogFile(path, Number(process.env[LIMIT]) || 0) : undefined;
  } catch {
    return undefined; // PM2's own log takes it
  }
}

/** Bytes of a log file, after which a new one begins. Set by `npm start`; in the machines logrotate does that. */
const LIMIT = 'CRUD_MASTER_LOG_BYTES';

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
