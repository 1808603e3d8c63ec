import { Failure } from '../../run/terminal/failure.mjs';
import { createCounter } from '../../run/terminal/progress.ts';
import type { Letter } from './letter.ts';
import type { LetterBox } from './letter-box.ts';
import type { Request } from './request.ts';
import { number } from './text.ts';

/** Bytes of contents that are in memory at a time, unless one letter alone is larger. */
const MEMORY = 32 * 1024 * 1024;
/** Messages on their way to the broker: who is killed leaves no more than that in both queues. */
const UNDER_WAY = 50;

/**
 * Puts the chosen letters back into the queue of orders. `sizes` are the bytes of each letter in their order, 0 for those
 * that stay. Who is killed between the broker's confirm and the removal leaves a letter in both queues: billing knows the id
 * and stores the order once.
 */
export async function replay(
  box: LetterBox,
  putBack: (letter: Letter) => Promise<'headers' | undefined>,
  { id, selects }: Request,
  sizes: number[],
): Promise<void> {
  const progress = createCounter('Replaying letter', sizes.filter((size) => size > 0).length);
  const cut: string[] = [];
  let replayed = 0;
  const replayOne = async (letter: Letter) => {
    if (await putBack(letter)) cut.push(letter.id);
    letter.remove();
    replayed++;
    progress.step();
  };
  try {
    for (const portion of portions(sizes)) {
      const letters: Letter[] = [];
      const keep = (letter: Letter) => void (selects(letter) && letters.push(letter));
      await box.read(portion, keep, { toRemove: true });
      // The same message, parked more than once: one is enough.
      if (id) for (const copy of letters.splice(replayed === 0 ? 1 : 0)) copy.remove();
      await inOrder(letters, replayOne);
    }
  } catch (error) {
    if (id) throw error;
    throw new Failure(`${(error as Error).message} Replayed before it: ${replayed}.`);
  } finally {
    progress.end();
    await box.close();
  }
  console.log(id ? `Replayed ${id}.` : `Replayed ${number(replayed, 'letter')}.`);
  if (cut.length > 0) console.log(`Without its headers, which cannot be written: ${cut.join(', ')}.`);
}

/** How many letters to read at a time. */
function* portions(sizes: number[]): Generator<number> {
  let [letters, bytes] = [0, 0];
  for (const size of sizes) {
    if (letters > 0 && bytes + size > MEMORY) {
      yield letters;
      [letters, bytes] = [0, 0];
    }
    letters++;
    bytes += size;
  }
  if (letters > 0) yield letters;
}

/** A few at a time. After a failure no more are begun, and those under way are waited for. */
async function inOrder<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let next = 0; next < items.length; next += UNDER_WAY) {
    const outcomes = await Promise.allSettled(items.slice(next, next + UNDER_WAY).map(work));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}
