import { existsSync, globSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { hasApt, unpack } from '../servers/debian-packages.ts';
import { withLock } from '../servers/lock.mjs';
import { Failure } from '../terminal/failure.mjs';

/** Where the programs of a node are that RabbitMQ does not bring, and the variables that they need. */
export interface Tools {
  etcd: string;
  haproxy: string;
  python: string;
  patroni: string;
  /** Patroni's, such as `3.0.2`. */
  patroniVersion: string;
  /** The folder of `postgres` and its tools. */
  postgres: string;
  environment: Record<string, string>;
}

const CACHE = join(checkout, '.local', 'cache', 'cluster');
const UNPACKED = join(CACHE, 'unpacked');

const PACKAGES = {
  what: 'PostgreSQL, Patroni, etcd and HAProxy',
  packages: ['etcd-server', 'patroni', 'python3-etcd', 'haproxy', 'postgresql'],
  keep: (name: string, isInstalled: boolean) =>
    /^(etcd-server$|patroni$|haproxy$|postgresql-(client-)?\d+$|(lib)?python3)/.test(name) ||
    // LLVM is for PostgreSQL's compiler of expressions only, which nothing here uses, and larger than all the rest.
    (/^(lib|zlib)/.test(name) && !/^lib(llvm|z3|perl|pam)/.test(name) && !isInstalled),
};

/** The programs of Debian's or Ubuntu's packages, unpacked once for this checkout: nothing is installed, and nobody has to be root. */
export async function findTools(onProgress: (what: string) => void): Promise<Tools> {
  const found = unpacked();
  if (found) return found;
  if (process.platform !== 'linux' || !(await hasApt())) {
    throw new Failure(
      'A cluster on one computer needs PostgreSQL, Patroni, etcd and HAProxy from the packages of Debian or Ubuntu, and there is no apt-get here. With virtual machines it runs anywhere: docs/cluster.md.',
    );
  }
  await withLock(join(CACHE, 'lock'), async () => {
    if (!unpacked()) await unpack(UNPACKED, join(CACHE, 'work'), PACKAGES, onProgress);
  });
  const tools = unpacked();
  if (!tools) throw new Failure(`${UNPACKED} lacks one of PostgreSQL, Patroni, etcd and HAProxy: delete it and try again.`);
  return tools;
}

function unpacked(): Tools | undefined {
  const first = (pattern: string) => globSync(pattern, { cwd: UNPACKED }).map((path) => join(UNPACKED, path))[0];
  const [etcd, haproxy, patroni] = ['usr/bin/etcd', 'usr/sbin/haproxy', 'usr/bin/patroni'].map((path) => join(UNPACKED, path));
  const python = first('usr/bin/python3.[0-9]*[0-9]');
  const postgres = first('usr/lib/postgresql/*/bin');
  if (!python || !postgres || ![etcd!, haproxy!, patroni!].every((path) => existsSync(path))) return undefined;
  const version = join(UNPACKED, 'usr/lib/python3/dist-packages/patroni/version.py');
  const libraries = globSync('{usr/,}lib/*-linux-gnu*', { cwd: UNPACKED }).map((path) => join(UNPACKED, path));
  return {
    etcd: etcd!,
    haproxy: haproxy!,
    patroni: patroni!,
    patroniVersion: /'([\d.]+)'/.exec(readFileSync(version, 'utf8'))?.[1] ?? '0',
    python,
    postgres,
    environment: {
      LD_LIBRARY_PATH: libraries.join(delimiter),
      PYTHONHOME: join(UNPACKED, 'usr'),
      PYTHONPATH: join(UNPACKED, 'usr/lib/python3/dist-packages'),
      PYTHONDONTWRITEBYTECODE: '1',
    },
  };
}

/** Whether its Patroni is that version or a later one. */
export const isSince = (version: string, { patroniVersion }: Tools): boolean =>
  patroniVersion.localeCompare(version, 'en', { numeric: true }) >= 0;
