import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';

/** Variables for programs that leave notes in the user's home (Prisma does): theirs is a folder of the checkout. */
export function privateHome() {
  const home = join(checkout, '.local', 'cache', 'home');
  const temporary = join(home, 'tmp');
  mkdirSync(temporary, { recursive: true });
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_DATA_HOME: join(home, '.local', 'share'),
    XDG_STATE_HOME: join(home, '.local', 'state'),
    TMPDIR: temporary,
  };
}
