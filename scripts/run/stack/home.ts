import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';

/** Where the data of `npm start` lives. */
export const localHome = () => join(checkout, '.local');

/** Throws a Failure when that home is another user's, whose servers and files are out of reach. Root reaches all. */
export function requireOwner(home: string): void {
  const user = process.getuid!();
  const owner = lstatSync(home, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || user === 0 || owner === user) return;
  const whose = owner === 0 ? 'root' : `another user (number ${owner})`;
  throw new Failure(
    `${home} belongs to ${whose}, who started the stack of this checkout. Work as that user${owner === 0 ? ' (sudo npm …)' : ''}, or clone the project again for a stack of your own.`,
  );
}
