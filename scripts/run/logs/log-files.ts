import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { formerFiles } from '@crud-master/plumbing/log-file';

/** Bytes that are read at a time. */
const CHUNK = 65_536;
/** A line that is longer is cut: nothing that the services write is. */
const LONGEST = 1_048_576;
/** Milliseconds between two looks at a log that is followed. */
const LOOK = 200;

/**
 * A log at one moment: backwards is what was there, `linesAdded` is what comes, and no line is in both or in neither. It holds the file
 * open, whatever name that gets meanwhile.
 */
export interface Log {
  path: string;
  file: FileHandle | undefined;
  inode: number;
  size: number;
  /** Milliseconds since 1970 of the last write, 0 where there is no file. */
  written: number;
}

export async function openLog(path: string): Promise<Log> {
  const file = await openOrNothing(path);
  const { ino = 0, size = 0, mtimeMs = 0 } = (await file?.stat()) ?? {};
  return { path, file, inode: ino, size, written: mtimeMs };
}

/** The lines of a log and of its former files from the end to the beginning, a piece of it in memory at a time. */
export async function* linesBackwards({ path, file, inode, size }: Log): AsyncGenerator<string> {
  if (file) yield* backwards(file, size);
  const former = formerFiles(path);
  const renamed = former.findIndex((name) => statSync(name, { throwIfNoEntry: false })?.ino === inode);
  for (const name of former.slice(0, renamed < 0 ? undefined : renamed).reverse()) {
    const log = await openLog(name);
    try {
      if (log.file) yield* backwards(log.file, log.size);
    } finally {
      await log.file?.close();
    }
  }
}

async function* backwards(file: FileHandle, size: number): AsyncGenerator<string> {
  let tail = Buffer.alloc(0);
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - CHUNK);
    const chunk = Buffer.concat([await readAt(file, from, end - from), tail]);
    end = from;
    const first = chunk.indexOf(0x0a);
    if (first < 0 && end > 0) {
      tail = chunk.length > LONGEST ? chunk.subarray(0, 0) : chunk;
      continue;
    }
    const whole = end > 0 ? first + 1 : 0; // what stands before belongs to a line that begins earlier
    tail = chunk.subarray(0, whole);
    yield* chunk.toString('utf8', whole).split('\n').filter(Boolean).reverse();
  }
}

/** What is added from then on, line by line, also after the log was emptied or a new file has begun. Closes the log, and ends with `signal`. */
export async function* linesAdded(log: Log, signal: AbortSignal): AsyncGenerator<string> {
  const { path } = log;
  let { file, inode, size } = log;
  let reader = createReader(file, size);
  while (!signal.aborted) {
    await sleep(LOOK, undefined, { signal }).catch(() => {});
    yield* reader();
    const now = await openLog(path);
    if (!now.file || now.inode === inode) {
      await now.file?.close();
      continue;
    }
    await sleep(LOOK, undefined, { signal }).catch(() => {}); // who still had the old file open has written by then
    yield* reader();
    for (const between of await filesBetween(path, inode, now.inode)) {
      yield* createReader(between, 0)();
      await between.close();
    }
    await file?.close();
    ({ file, inode } = now);
    reader = createReader(file, 0);
  }
  await file?.close();
}

/** The former files that began after that one and before the other. */
async function filesBetween(path: string, after: number, before: number): Promise<FileHandle[]> {
  const files: FileHandle[] = [];
  for (const former of formerFiles(path).reverse()) {
    const { file, inode } = await openLog(former);
    if (file && inode !== after && inode !== before) files.push(file);
    else await file?.close();
    if (inode === after) return files.reverse();
  }
  for (const file of files) await file.close();
  return []; // renamed by somebody else: what is older has been seen
}

/** Gives, at each call, the whole lines that the file has got since the last one. */
function createReader(file: FileHandle | undefined, from: number): () => AsyncGenerator<string> {
  let at = from;
  let rest = '';
  const decoder = new TextDecoder(); // a character may lie across two pieces
  return async function* added() {
    if (!file) return;
    const { size } = await file.stat();
    if (size < at) [at, rest] = [0, '']; // emptied
    while (at < size) {
      const piece = await readAt(file, at, Math.min(CHUNK, size - at));
      at += piece.length;
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines.filter(Boolean);
    }
  };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function openOrNothing(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
