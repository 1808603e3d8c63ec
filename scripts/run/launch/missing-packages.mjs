import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Looks, in a few milliseconds, which of the packages in the lock file that this system needs are not there. */
export function missingPackages(lockFile) {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
  const needed = Object.entries(packages)
    .filter(([path, entry]) => path.includes('node_modules/') && isForHere(entry))
    .map(([path]) => path);
  const missing = needed.filter((path) => !existsSync(join(dirname(lockFile), path, 'package.json')));
  return { missing: missing.map((path) => path.split('node_modules/').at(-1)), total: needed.length };
}

/** An optional package is needed when it is made for this system; others without a system come with those of a foreign one. */
function isForHere({ optional, os, cpu, libc }) {
  if (!fits(os, process.platform) || !fits(cpu, process.arch) || !fits(libc, 'glibc')) return false;
  return !optional || os !== undefined || cpu !== undefined;
}

/** The fields of a package.json: one name or a list, and a name may be denied (`!win32`). */
function fits(names, value) {
  if (!names) return true;
  const list = [names].flat();
  if (list.includes(`!${value}`)) return false;
  return list.includes(value) || list.every((name) => name.startsWith('!'));
}
