import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkout } from '../../run/checkout.mjs';
import { databases } from '../../run/servers/migrations.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Dump } from './dump.ts';

/** Raised when an older checkout could not read what is written. */
const FORMAT = 1;
const MANIFEST = 'manifest.json';
export const DEFINITIONS = 'definitions.json';

export type Prefix = (typeof databases)[number]['prefix'];

/** The file of a database, whatever its name in `.env`. */
export const dumpFile = (prefix: Prefix) => `${prefix.toLowerCase()}.sql`;

const FILES = [...databases.map(({ prefix }) => dumpFile(prefix)), DEFINITIONS];

export interface Manifest {
  format: number;
  /** ISO 8601. */
  made: string;
  databases: Record<Prefix, Dump & { name: string }>;
  files: Record<string, { bytes: number; sha256: string }>;
}

/** Makes a backup of what is written in that folder: without this file it is none. */
export async function writeManifest(folder: string, dumps: Manifest['databases'], made: Date): Promise<Manifest> {
  const files: Manifest['files'] = {};
  for (const name of FILES)
    files[name] = { bytes: statSync(join(folder, name)).size, sha256: await digestOf(join(folder, name)) };
  const manifest = { format: FORMAT, made: made.toISOString(), databases: dumps, files };
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  return manifest;
}

/** The manifest of that backup. Throws a Failure when there is none, a file is damaged, or this checkout cannot make its tables. */
export async function readBackup(folder: string): Promise<Manifest> {
  if (!existsSync(folder))
    throw new Failure(`There is no folder ${folder}: npm run restore -- FOLDER takes one that npm run backup has made.`);
  const file = join(folder, MANIFEST);
  if (!existsSync(file))
    throw new Failure(`${folder} is no backup: it has no ${MANIFEST}, which npm run backup writes at its end.`);
  const manifest = parse(readFileSync(file, 'utf8'));
  if (!manifest) throw new Failure(`${file} is damaged: take another backup.`);
  if (manifest.format !== FORMAT)
    throw new Failure(
      `${folder} has format ${manifest.format}, and this checkout reads format ${FORMAT}: restore it with the checkout that made it.`,
    );
  for (const name of FILES) await requireIntact(join(folder, name), manifest.files[name]!);
  for (const { app, prefix } of databases) requireKnown(folder, app, manifest.databases[prefix].migrations);
  return manifest;
}

/** Undefined when it is not the text of a manifest. */
function parse(text: string): Manifest | undefined {
  try {
    const manifest: Manifest = JSON.parse(text);
    const described = databases.every(({ prefix }) => {
      const { name, migrations, rows } = manifest.databases[prefix];
      return typeof name === 'string' && Array.isArray(migrations) && typeof rows === 'object';
    });
    return described && FILES.every((name) => typeof manifest.files[name]!.sha256 === 'string') ? manifest : undefined;
  } catch {
    return undefined;
  }
}

async function requireIntact(file: string, { sha256 }: { sha256: string }): Promise<void> {
  if (!existsSync(file)) throw new Failure(`${file} is missing, and nothing was changed: take another backup.`);
  if ((await digestOf(file)) !== sha256)
    throw new Failure(`${file} is damaged (it is not what ${MANIFEST} says), and nothing was changed: take another backup.`);
}

function requireKnown(folder: string, app: string, migrations: string[]): void {
  const known = readdirSync(join(checkout, app, 'prisma', 'migrations'));
  const unknown = migrations.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Failure(
      `${folder} was made by newer code: this checkout has no migration ${unknown.join(', ')} of ${app}. git pull brings it; nothing was changed.`,
    );
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
