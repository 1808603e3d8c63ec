import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes that are read at a time. */
const CHUNK = 65_536;
/** A line that is longer is cut: nothing that the services write is. */
const LONGEST = 1_048_576;
/** Milliseconds between two looks at a file that is followed. */
const LOOK = 200;

/** The lines of a file from its end to its beginning, a piece of it in memory at a time. None of a file that is not there. */
export async function* linesBackwards(path: string): AsyncGenerator<string> {
  const file = await openOrNothing(path);
  if (!file) return;
  try {
    let tail = Buffer.alloc(0);
    for (let end = (await file.stat()).size; end > 0; ) {
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
  } finally {
    await file.close();
  }
}

/** What is added to a file from now on, line by line, also after it was emptied or replaced by a new one. Ends with `signal`. */
export async function* linesAdded(path: string, signal: AbortSignal): AsyncGenerator<string> {
  let at = await sizeOf(path);
  let inode = await inodeOf(path);
  let rest = '';
  while (!signal.aborted) {
    await sleep(LOOK, undefined, { signal }).catch(() => {});
    const [size, now] = [await sizeOf(path), await inodeOf(path)];
    if (size < at || now !== inode) [at, inode, rest] = [0, now, ''];
    if (size === at) continue;
    const file = await openOrNothing(path);
    if (!file) continue;
    const decoder = new TextDecoder(); // a character may lie across two pieces
    for (; at < size; at += Math.min(CHUNK, size - at)) {
      rest += decoder.decode(await readAt(file, at, Math.min(CHUNK, size - at)), { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop()!;
      yield* lines.filter(Boolean);
    }
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );
/** Milliseconds since 1970, 0 where there is no file. */
export const lastWrite = (path: string) =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
const inodeOf = (path: string) =>
  stat(path).then(
    ({ ino }) => ino,
    () => 0,
  );

async function openOrNothing(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
