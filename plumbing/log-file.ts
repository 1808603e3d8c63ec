import { closeSync, existsSync, fstatSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The former files of a log have at most so many times the bytes of the limit of one. */
const KEPT = 5;

export interface LogFile {
  /** Appends whole lines. What cannot be written (a full disk) is lost: there is nowhere to say so. */
  write(text: string): void;
}

/**
 * A log to which several processes append. Each looks, before it writes, whether the file is still the one it has open: another
 * process, or logrotate, may have given it another name. A file that would get more than `limit` bytes gets another name, and a new
 * one begins; 0: that is somebody else's work. Throws when the file cannot be opened.
 *
 * There is no lock, and no line is lost or written twice: who has the old file open adds at most one text to it, and of two that rename at the
 * same moment one renames a short file.
 */
export function createLogFile(path: string, limit: number): LogFile {
  let file = openSync(path, 'a');
  const reopen = () => {
    const next = openSync(path, 'a');
    closeSync(file);
    file = next;
  };
  const prepare = (bytes: number) => {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.ino !== fstatSync(file).ino) return reopen();
    if (limit === 0 || there.size === 0 || there.size + bytes <= limit) return;
    renameSync(path, formerName(path));
    removeOldest(path, KEPT * limit);
    reopen();
  };
  return {
    write(text) {
      const bytes = Buffer.from(text);
      try {
        prepare(bytes.length);
      } catch {
        // The folder is gone, say, or another process was faster: the open file takes it.
      }
      writeAll(file, bytes);
    },
  };
}

let lastTime = 0;

/** A name that no other process and no other moment gives; the names of a log sort by time. */
function formerName(path: string): string {
  lastTime = Math.max(Date.now(), lastTime + 1);
  return `${path}.${new Date(lastTime).toISOString().replace(/[-:.]/g, '')}-${process.pid}`;
}

/** The former files of a log, the oldest first. */
export function formerFiles(path: string): string[] {
  const [folder, name] = [dirname(path), basename(path)];
  const entries = existsSync(folder) ? readdirSync(folder) : [];
  return entries
    .filter((entry) => entry.startsWith(`${name}.`) && /^\d{8}T\d{9}Z-\d+$/.test(entry.slice(name.length + 1)))
    .sort()
    .map((entry) => join(folder, entry));
}

/** By bytes, not by number: a short file takes no long one's place. */
function removeOldest(path: string, most: number): void {
  let bytes = 0;
  for (const file of formerFiles(path).reverse()) {
    bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes > most) rmSync(file, { force: true });
  }
}

/** Synchronously, because nothing else is sure to be out before the process ends. */
export function writeAll(file: number, bytes: Buffer): void {
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(file, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // no reader, no space
      Atomics.wait(pause, 0, 0, FULL_PIPE_PAUSE);
    }
  }
}

/** Milliseconds until a full pipe is tried again. */
const FULL_PIPE_PAUSE = 5;

const pause = new Int32Array(new SharedArrayBuffer(4));
