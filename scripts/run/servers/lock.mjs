import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandName } from '../terminal/command-name.mjs';
import { fileProblem } from '../terminal/error-sentence.mjs';
import { Failure } from '../terminal/failure.mjs';
import { identify, isRunning } from './process-identity.mjs';

/**
 * Does the work while no other process holds the file, and says within a moment for whom it waits. The file names its holder
 * by process number and start time; when that process is gone, or the file is damaged, it is taken over.
 *
 * @template T
 * @param {string} file
 * @param {(include: (pid: number) => void) => Promise<T> | T} work gets a function that makes the lock last as long as a child
 *   process too, even when this process is killed
 * @param {(holder: string) => void} [onWait] gets the number of the process, with what it does and since when
 * @returns {Promise<T>}
 */
export async function withLock(file, work, onWait = (holder) => console.error(`Waiting for process ${holder}`)) {
  const own = { processes: [identify(process.pid)], doing: commandName(), since: new Date().toISOString() };
  let told;
  for (;;) {
    if (tryTake(file, own)) break;
    const holder = holderOf(file);
    if (holder && told !== holder.text) onWait(describe(holder));
    told = holder?.text;
    await sleep(holder ? 200 : 10); // just released, or another process takes a dead one over
  }
  const release = () => {
    if (readText(file) === JSON.stringify(own)) rmSync(file, { force: true });
  };
  process.once('exit', release);
  try {
    return await work((pid) => {
      own.processes.push(identify(pid));
      replace(file, own);
    });
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Takes the lock when it is free or its holder is gone. */
function tryTake(file, own) {
  if (create(file, own)) return true;
  if (holderOf(file)) return false;
  removeDead(file, own);
  return create(file, own);
}

/**
 * Of all that find a dead lock, one removes it, under a lock of its own: a second one, slower, would remove the lock that the
 * first has taken by then.
 */
function removeDead(file, own) {
  const turn = `${file}.takeover`;
  if (!tryTake(turn, own)) return;
  try {
    if (!holderOf(file)) rmSync(file, { recursive: true, force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

/** The file appears with all of its content or not at all: `link` fails when the name is taken. */
function create(file, own) {
  const draft = writeDraft(file, own);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new Failure(
      `The lock ${file} cannot be made (${error.code}): this file system allows no hard links. Move the checkout.`,
    );
  } finally {
    rmSync(draft, { force: true });
  }
}

function replace(file, own) {
  renameSync(writeDraft(file, own), file);
}

function writeDraft(file, own) {
  const draft = `${file}.${randomUUID()}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(draft, JSON.stringify(own));
    chmodSync(draft, 0o644); // whatever the umask: another user is to see who holds it
    return draft;
  } catch (error) {
    if (existsSync(draft)) rmSync(draft);
    throw new Failure(fileProblem(error, file) ?? `${file} cannot be used: ${error.message}`);
  }
}

/** Who holds the lock and still runs; undefined when nobody does. */
function holderOf(file) {
  const text = readText(file);
  try {
    const { processes, doing, since } = JSON.parse(text);
    const running = processes.find(isRunning);
    return running && { text, pid: running.pid, doing, since: new Date(since) };
  } catch {
    return undefined; // empty, cut off, unreadable, gone, or of an earlier version
  }
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const describe = ({ pid, doing, since }) => `${pid} (${doing}, since ${since.toLocaleTimeString('en-GB')})`;
