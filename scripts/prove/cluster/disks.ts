import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster, Node } from '../../run/cluster/layout.ts';
import { waitFor } from '../../run/servers/process.ts';
import { Failure } from '../../run/terminal/failure.mjs';

const run = promisify(execFile);

/*
 * Where it may be, as root with loop devices, each node of a proof has a disk of its own, so that one can be full or slow while the others
 * are not. It is a file, of which only what is written takes room.
 */

const SIZE = '4G';

const imageOf = ({ folder }: Node) => `${folder}.disk`;
const fillerOf = ({ folder }: Node) => join(folder, 'filler');

export const hasDisk = ({ folder }: Node): boolean =>
  existsSync(folder) && statSync(folder).dev !== statSync(dirname(folder)).dev;

/** Unless a node has data without one. Gives whether all of them have one now. */
export async function giveDisks({ nodes }: Cluster): Promise<boolean> {
  if (nodes.every(hasDisk)) {
    nodes.forEach(emptyDisk); // of a proof that was killed
    return true;
  }
  if (nodes.some(({ folder }) => existsSync(folder))) return false;
  try {
    for (const node of nodes) await giveDisk(node);
    return true;
  } catch {
    await takeDisks(nodes);
    return false;
  }
}

async function giveDisk(node: Node): Promise<void> {
  const image = imageOf(node);
  mkdirSync(node.folder, { mode: 0o700 });
  rmSync(image, { force: true });
  await run('truncate', ['--size', SIZE, image]);
  await run('mkfs.ext4', ['-q', '-F', '-m', '0', image]); // no room is kept for root
  await run('mount', ['-o', 'loop', image, node.folder]);
}

/** What is on them is in plain folders after that, for whoever looks into it. Nobody uses them any more. */
export async function copyDisks(nodes: Node[]): Promise<void> {
  for (const node of nodes.filter(hasDisk)) {
    const copy = `${node.folder}.copy`;
    await run('cp', ['--archive', node.folder, copy]);
    await takeDisks([node]);
    renameSync(copy, node.folder);
  }
}

/** With all that is on them. Nobody uses them any more. */
export async function takeDisks(nodes: Node[]): Promise<void> {
  for (const node of nodes) {
    // Processes that were killed close their files a moment after they are gone.
    if (
      hasDisk(node) &&
      !(await waitFor(10_000, () =>
        run('umount', [node.folder]).then(
          () => true,
          () => false,
        ),
      ))
    )
      throw new Failure(`Something still uses ${node.folder}: fuser --mount ${node.folder} says what.`);
    rmSync(imageOf(node), { force: true });
    rmSync(node.folder, { recursive: true, force: true });
  }
}

/** An empty one in place of a node's, whose processes have ended. */
export async function renewDisk(node: Node): Promise<void> {
  await takeDisks([node]);
  await giveDisk(node);
}

/** Nothing more can be written. */
export async function fillDisk(node: Node): Promise<void> {
  const filler = fillerOf(node);
  writeFileSync(filler, '');
  // The last blocks one by one: while they are counted, others write.
  const fill = 'while fallocate --offset "$(stat --format %s "$1")" --length "$2" "$1"; do :; done';
  for (const block of ['64M', '1M', '4K']) await run('sh', ['-c', fill, 'fill', filler, block]);
  const { bavail, bsize } = statfsSync(node.folder);
  if (bavail * bsize > 1_000_000) throw new Failure(`${node.folder} is not full: fallocate left ${bavail * bsize} bytes.`);
}

export const emptyDisk = (node: Node) => rmSync(fillerOf(node), { force: true });

/** Milliseconds in which nothing is written, and in which it is: a disk that gets a fifth of the time that it needs. */
const STALL = 400;
const BREATH = 100;

/** Whoever writes waits again and again (fsfreeze(8)). Gives what makes it fast again. */
export async function slowDisk({ folder }: Node): Promise<() => Promise<unknown>> {
  for (const way of ['--freeze', '--unfreeze']) await run('fsfreeze', [way, folder]); // rejects where it cannot be done
  // A process of its own, which sees when this one ends: whoever waits for a frozen disk cannot be killed.
  const loop = `trap 'fsfreeze --unfreeze "$1"; exit' TERM
while kill -0 ${process.pid}; do
  fsfreeze --freeze "$1"; sleep ${STALL / 1000}; fsfreeze --unfreeze "$1"; sleep ${BREATH / 1000}
done`;
  const child = spawn('sh', ['-c', loop, 'slow', folder], { stdio: 'ignore', detached: true });
  const ended = once(child, 'exit');
  return () => {
    child.kill('SIGTERM');
    return ended;
  };
}
