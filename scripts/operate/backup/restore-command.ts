import type { OperatedStack } from '../operated-stack.ts';

/** What a user types to have that backup in that stack, and in no other. */
export const restoreCommand = ({ isCluster }: OperatedStack, folder: string): string =>
  `npm run restore -- ${isCluster ? '--cluster ' : ''}${quoted(folder)}`;

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
