import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { isFrozen, processName, waitFor } from '../servers/process.ts';
import { dataOf, type Node } from './layout.ts';

/** What marks a process of that node, in its environment. */
export const MARK = 'CRUD_MASTER_NODE';

/**
 * Every process of that node, or of the cluster's own folder, whoever started it: by its environment, and PostgreSQL's, which write over that, by their working
 * directory. Nobody's shell works there, as it may where the logs are.
 */
export function processesOf(node: Pick<Node, 'folder'>): number[] {
  const mark = `${MARK}=${node.folder}\0`;
  const database = dirname(dataOf(node)); // of data that were deleted the name is another one
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && (environmentOf(pid).includes(mark) || worksBelow(pid, database)));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return ''; // it ended, or is another user's
  }
}

function worksBelow(pid: number, folder: string): boolean {
  try {
    return `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`);
  } catch {
    return false;
  }
}

/** As if its power were cut. */
export async function killNode(node: Node): Promise<void> {
  freezeNode(node); // none of them brings another back meanwhile
  await waitFor(10_000, () => {
    const left = processesOf(node);
    signal(left, 'SIGKILL');
    return left.length === 0;
  });
}

/** They are there, and do nothing. */
export function freezeNode(node: Node): void {
  let seen = 0;
  for (let pids = processesOf(node); pids.length > seen; pids = processesOf(node)) {
    seen = pids.length;
    signal(pids, 'SIGSTOP');
  }
}

/** The names of those that stand still. The system takes connections for them. */
export const frozenProgramsOf = (node: Node): string[] =>
  processesOf(node)
    .filter(isFrozen)
    .map((pid) => processName(pid) ?? '');

/** Gives whether it was frozen. */
export function thawNode(node: Pick<Node, 'folder'>): boolean {
  const frozen = processesOf(node).filter(isFrozen);
  signal(frozen, 'SIGCONT');
  return frozen.length > 0;
}

/** To those of them that are still there. */
export function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
