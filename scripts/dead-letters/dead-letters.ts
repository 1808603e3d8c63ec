/**
 * The messages that could not become orders, for operators:
 *
 *     npm run dead-letters -- list              what is there, and why
 *     npm run dead-letters -- show ID           one letter, whole
 *     npm run dead-letters -- replay ID|--all   back into the queue of orders, once what was wrong is put right
 *     npm run dead-letters -- drop ID           gone for good
 *
 * Works on the broker of the local stack where there is one, else on the one that .env names. Variables of the
 * environment win over both. Inside billing's machine: sudo node /opt/crud-master/scripts/dead-letters/dead-letters.ts list
 */
import { readFileSync } from 'node:fs';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { type Environment, Failure, type Letter, LetterBox } from './letters.ts';
import { type Entry, entryOf, letterText, listText } from './text.ts';

const USAGE = 'Usage: npm run dead-letters -- list | show ID | replay ID | replay --all | drop ID';

/** Letters in hand while all are replayed: they may be large. */
const AT_ONCE = 10;

/** That of the running stack is complete, and knows the ports that were free. */
function environment(): Environment {
  const local = new URL('../../.local/environment.json', import.meta.url);
  try {
    return { ...JSON.parse(readFileSync(local, 'utf8')), ...process.env };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return loadEnvironment(new URL('../../.env', import.meta.url), process.env);
  }
}

async function list(box: LetterBox): Promise<void> {
  const entries: Entry[] = [];
  await box.visit((letter) => void entries.push(entryOf(letter)));
  if (entries.length === 0) console.log('There are no dead letters.');
  else console.log(`${listText(entries)}\n\n${entries.length} dead ${entries.length === 1 ? 'letter' : 'letters'}.`);
}

/** The letters with that id: more than one when the same message was parked twice. */
async function find(box: LetterBox, id: string): Promise<Letter[]> {
  const found: Letter[] = [];
  await box.visit((letter) => {
    if (id === letter.id || id === `${letter.id}~${letter.digest}`) found.push(letter);
  });
  if (found.length === 0)
    throw new Failure(`There is no dead letter ${id}: npm run dead-letters -- list shows those that there are.`);
  const digests = new Set(found.map(({ digest }) => digest));
  if (digests.size > 1) {
    const choices = [...digests].map((digest) => `${id}~${digest}`).join(' or ');
    throw new Failure(`${found.length} letters with different contents have the id ${id}: name one of them, ${choices}.`);
  }
  return found;
}

async function replayAll(box: LetterBox): Promise<void> {
  let replayed = 0;
  try {
    await box.visit(async (letter) => {
      await box.replay(letter);
      replayed++;
    }, AT_ONCE);
  } catch (error) {
    throw new Failure(`${(error as Error).message} Replayed before it: ${replayed}.`);
  }
  if (replayed === 0) throw new Failure('There are no dead letters: nothing to replay.');
  await box.close();
  console.log(`Replayed ${replayed} ${replayed === 1 ? 'letter' : 'letters'}.`);
}

async function main([command, id, ...rest]: string[]): Promise<void> {
  const valid =
    rest.length === 0 && (command === 'list' ? id === undefined : ['show', 'replay', 'drop'].includes(command ?? '') && id);
  if (!valid || (id?.startsWith('--') && !(command === 'replay' && id === '--all'))) throw new Failure(USAGE);
  const box = await LetterBox.open(environment());
  try {
    if (command === 'list') return await list(box);
    if (id === '--all') return await replayAll(box);
    const letters = await find(box, id!);
    const [letter] = letters;
    if (command === 'show') console.log(letterText(letter!));
    if (command === 'drop') {
      for (const each of letters) box.remove(each);
      await box.close();
      console.log(`Dropped ${id}.`);
    }
    if (command === 'replay') {
      await box.replay(letter!);
      for (const copy of letters.slice(1)) box.remove(copy);
      await box.close();
      console.log(`Replayed ${id}.`);
    }
  } finally {
    await box.close();
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(error.message);
  process.exit(1); // a broker that does not answer may hold its connection open
}
