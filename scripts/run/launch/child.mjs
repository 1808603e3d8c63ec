import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Milliseconds that a child has to end by itself before it is killed. It may be cut off anywhere: the next start makes that good. */
const PATIENCE = 5000;
/** Characters of its output that are kept, from the end. */
const KEPT = 100_000;

/** The user, or the system, has asked this program to end. */
export class Interruption extends Error {
  constructor(signal) {
    super(`ended by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * Runs a command to its end and gives its status and what it said. A signal to this process ends the command and whatever
 * that has started, and is reported, as an Interruption, once they are gone: nothing goes on behind the user's back.
 * Longer than 40 lines: one child, and all that may happen to it.
 */
export function runChild(command, args, { onStart = () => {}, ...options }) {
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C reaches this process alone, which then ends them all together.
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    const listen = (stream) => {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output = (output + chunk).slice(-KEPT);
      });
    };
    listen(child.stdout);
    listen(child.stderr);

    let signal;
    let timer;
    const stop = (received) => {
      killGroup(child.pid, signal ? 'SIGKILL' : 'SIGTERM'); // asked twice: at once
      if (signal) return;
      signal = received;
      console.error('Stopping: one moment, please');
      timer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), PATIENCE);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const name of signals) process.on(name, stop);
    const done = () => {
      clearTimeout(timer);
      for (const name of signals) process.off(name, stop);
    };
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('close', (status) => {
      done();
      if (!signal) return resolve({ status, output });
      killGroup(child.pid, 'SIGKILL');
      reject(new Interruption(signal));
    });
    if (!child.pid) return; // 'error' tells why
    try {
      onStart(child.pid);
    } catch (error) {
      killGroup(child.pid, 'SIGKILL');
      child.prependListener('close', () => reject(error));
    }
  });
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // all of it has ended
  }
}
