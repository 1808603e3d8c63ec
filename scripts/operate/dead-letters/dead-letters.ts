/**
 * The messages that could not become orders, for operators:
 *
 *     npm run dead-letters -- list              what is there, and why; in pages: --limit N --after N
 *     npm run dead-letters -- show ID           one letter, whole
 *     npm run dead-letters -- replay ID|--all   back into the queue of orders, once what was wrong is put right
 *     npm run dead-letters -- drop ID|--all     gone for good
 *
 * `--kind KIND` and `--older-than 2h` choose letters to list, replay or drop. Works on the broker of the local stack, with `--cluster`
 * on that of the three nodes, in a machine on the one that .env names. Variables of the environment win over all.
 * Inside billing's machine: sudo node --stack-size=7000 /opt/crud-master/scripts/operate/dead-letters/dead-letters.ts list
 */
import { existsSync } from 'node:fs';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { runCommand } from '../../run/terminal/command.ts';
import { confirm } from '../../run/terminal/confirm.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import { createCounter } from '../../run/terminal/progress.ts';
import type { Environment } from './connection.ts';
import type { Letter } from './letter.ts';
import { LetterBox } from './letter-box.ts';
import { createOrderQueue } from './order-queue.ts';
import { replay } from './replay.ts';
import { type Request, readRequest } from './request.ts';
import { type Entry, entryOf, letterText, listText, number } from './text.ts';

/** That of a stack of this computer is complete, and knows the ports that were free. Its code is no part of a machine's release. */
async function environment(): Promise<Environment> {
  const fromFile = () => loadEnvironment(new URL('../../../.env', import.meta.url), process.env);
  if (!existsSync(new URL('../operated-stack.ts', import.meta.url))) return fromFile();
  const { stack } = (await import('../operated-stack.ts')).chosenStack(process.argv.slice(2));
  try {
    return { ...(await stack.environment()), ...process.env };
  } catch (error) {
    if (!process.env.RABBITMQ_HOST) throw error; // the hosts of .env are those of the virtual machines
    return fromFile();
  }
}

const open = (own: Environment) =>
  LetterBox.open(own, () => console.error('Waiting for another program that reads the dead letters …'));

/** Reads the next letters; what `visitor` does not keep is forgotten, so that any number of them fits into memory. */
async function read(box: LetterBox, wanted: number, visitor: (letter: Letter) => void, toRemove = false): Promise<void> {
  const progress = createCounter('Reading letter', wanted);
  const show = (letter: Letter) => {
    visitor(letter);
    progress.step();
  };
  await box.read(wanted, show, { toRemove });
  progress.end();
}

async function list(box: LetterBox, { all, after, limit, selects }: Request): Promise<void> {
  const count = await box.count();
  const page: Entry[] = [];
  let selected = 0;
  // All of them, even for one page: RabbitMQ would put a few back behind those that were read before.
  await read(box, count, (letter) => {
    if (!selects(letter)) return;
    if (++selected > after && page.length < limit) page.push(entryOf(letter));
  });
  if (count === 0) return console.log('There are no dead letters.');
  const which = all ? '' : ` of ${number(count)} chosen`;
  if (page.length > 0) console.log(`${listText(page)}\n`);
  if (page.length === selected) return console.log(`${number(selected)}${which}.`);
  const last = after + page.length;
  console.log(
    page.length === 0 ? `None after letter ${after}.` : `Letters ${after + 1} to ${last}.`,
    `${number(selected)}${which}.`,
  );
  if (last < selected && page.length > 0) console.log(`The next ones: add --after ${last}`);
}

async function show(box: LetterBox, request: Request): Promise<void> {
  let shown: Letter | undefined;
  await select(box, request, (letter) => {
    shown ??= letter;
  });
  console.log(letterText(shown!));
}

/** Reads all letters and gives their bytes in their order, 0 for those that were not asked for. */
async function select(box: LetterBox, request: Request, visitor: (letter: Letter) => void): Promise<number[]> {
  const { command, id, all, selects } = request;
  const count = await box.count();
  const sizes: number[] = [];
  const digests = new Set<string>();
  let selected = 0;
  const look = (letter: Letter) => {
    const chosen = selects(letter);
    sizes.push(chosen ? Math.max(1, letter.content.length) : 0);
    if (!chosen) return;
    selected++;
    if (id) digests.add(letter.digest);
    visitor(letter);
  };
  await read(box, count, look, command === 'drop');
  if (digests.size > 1) {
    const choices = [...digests].map((digest) => `${id}~${digest}`).join(' or ');
    throw new Failure(`${selected} letters with different contents have the id ${id}: name one of them, ${choices}.`);
  }
  if (selected > 0) return sizes;
  if (id) throw new Failure(`There is no dead letter ${id}: npm run dead-letters -- list shows those that there are.`);
  throw new Failure(
    `${all || count === 0 ? 'There are no dead letters' : `None of ${number(count)} is chosen`}: nothing to ${command}.`,
  );
}

async function drop(box: LetterBox, request: Request): Promise<void> {
  const removals: (() => void)[] = [];
  const sizes = await select(box, request, ({ remove }) => void removals.push(remove));
  const what = request.id ?? `${removals.length} of ${number(sizes.length)}`;
  const agreed =
    request.id ||
    request.yes ||
    (await confirm(`Drop ${what} for good?`, 'Nothing was dropped: add --yes where nobody can be asked.'));
  if (!agreed) throw new Failure('Nothing was dropped.');
  for (const remove of removals) remove();
  await box.close();
  console.log(request.id ? `Dropped ${what}.` : `Dropped ${number(removals.length, 'letter')}.`);
}

await runCommand(async () => {
  const request = readRequest(process.argv.slice(2));
  const own = await environment();
  const box = await open(own);
  try {
    if (request.command === 'list') await list(box, request);
    if (request.command === 'show') await show(box, request);
    if (request.command === 'drop') await drop(box, request);
    if (request.command === 'replay') {
      const sizes = await select(box, request, () => {});
      await box.close(); // everything is back in its place, and read again in portions that fit into memory
      const again = await open(own);
      await replay(again, createOrderQueue(again.connection, own.BILLING_QUEUE!), request, sizes);
    }
    return 0;
  } finally {
    await box.close();
  }
});
if (process.exitCode !== 0) process.exit(); // a broker that does not answer may hold its connection open
