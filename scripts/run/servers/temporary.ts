import { rmSync } from 'node:fs';

/** Does the work, then deletes that file or folder, also when the user ends the program meanwhile (`endWith`). */
export async function withTemporary<T>(path: string, work: () => Promise<T>): Promise<T> {
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    return await work();
  } finally {
    process.off('exit', remove);
    remove();
  }
}
