/** Tries for one failure */
const TRIES = 250;

/** The shortest bytes found that still fail in the same way: delta debugging, halves first, single bytes last. */
export async function minimise(bytes: Buffer, stillFails: (bytes: Buffer) => Promise<boolean>): Promise<Buffer> {
  let smallest = bytes;
  let tries = 0;
  for (let size = Math.ceil(smallest.length / 2); size >= 1 && tries < TRIES; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && tries < TRIES; ) {
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      tries++;
      if (await stillFails(candidate)) smallest = candidate;
      else at += size;
    }
  }
  return smallest;
}
