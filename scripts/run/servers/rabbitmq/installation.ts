import { existsSync, globSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { checkout } from '../../checkout.mjs';
import { Failure } from '../../terminal/failure.mjs';
import { hasApt, unpack } from '../debian-packages.ts';
import { withLock } from '../lock.mjs';
import { rabbitmqPackages } from './packages.ts';

export interface RabbitmqInstallation {
  /** The folder of `rabbitmq-server` and `rabbitmqctl`. */
  scripts: string;
  /** The folder of `erl` and `epmd`; undefined when they are on PATH. */
  erlang?: string;
  environment: Record<string, string>;
}

/** Unpacked once for all homes of this checkout. */
const CACHE = join(checkout, '.local', 'cache', 'rabbitmq');
const UNPACKED = join(CACHE, 'unpacked');

/** An installed RabbitMQ, or one unpacked from Debian's or Ubuntu's packages, which needs neither root nor an installation. */
export async function findRabbitmq(onProgress: (what: string) => void = () => {}): Promise<RabbitmqInstallation> {
  const installed = findInstalled();
  if (installed) return installed;
  if (!unpackedScripts()) {
    if (!(await hasApt())) {
      throw new Failure(
        'RabbitMQ is not installed and cannot be fetched here (that needs Debian or Ubuntu): install it (macOS: brew install rabbitmq; others: their package rabbitmq-server), then try again.',
      );
    }
    await withLock(join(CACHE, 'lock'), async () => {
      if (!unpackedScripts()) await unpack(UNPACKED, join(CACHE, 'work'), rabbitmqPackages, onProgress);
    });
  }
  return findUnpacked();
}

function findInstalled(): RabbitmqInstallation | undefined {
  // Not Debian's /usr/sbin/rabbitmq-server: that insists on the user rabbitmq.
  const debian = newest(globSync('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin'));
  if (debian && onPath('erl')) return { scripts: debian, environment: {} };
  const homebrew = ['/opt/homebrew/sbin', '/usr/local/sbin'].find((folder) => existsSync(join(folder, 'rabbitmq-server')));
  if (homebrew) return { scripts: homebrew, environment: {} };
  const found = onPath('rabbitmq-server');
  if (found && found !== '/usr/sbin' && onPath('erl')) return { scripts: found, environment: {} };
  return undefined;
}

function onPath(command: string): string | undefined {
  return (process.env.PATH ?? '').split(delimiter).find((folder) => folder && existsSync(join(folder, command)));
}

const newest = (folders: string[]) => folders.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1);

/**
 * The scripts of RabbitMQ and Erlang break at a space in a path. `/proc/self/cwd` is another name of the working directory,
 * short and without spaces: they are run from the checkout's root.
 */
export function pathFromCheckout(path: string): string {
  return process.platform === 'linux' ? join('/proc/self/cwd', relative(checkout, path)) : path;
}

/** Undefined also where the folder is there and holds no RabbitMQ: somebody deletes a cache half. */
const unpackedScripts = (): string | undefined =>
  newest(globSync('usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin', { cwd: UNPACKED }));

function findUnpacked(): RabbitmqInstallation {
  const scripts = unpackedScripts()!;
  const root = pathFromCheckout(UNPACKED);
  const libraries = globSync('{usr/,}lib/*-linux-gnu*/', { cwd: UNPACKED }).map((folder) => join(root, folder));
  return {
    scripts: join(root, scripts),
    erlang: join(root, 'usr/lib/erlang/bin'),
    environment: {
      ERL_ROOTDIR: join(root, 'usr/lib/erlang'),
      ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(delimiter) }),
    },
  };
}
