import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

/** The field of an answer on a port of its own with the mark of who answers. */
export const MARK_FIELD = 'x-crud-master';

/** The same for all that runs from this folder: another checkout on this computer may have taken the port of a stopped service. */
export const checkoutMark = createHash('sha256')
  .update(fileURLToPath(new URL('..', import.meta.url)))
  .digest('hex')
  .slice(0, 16);
