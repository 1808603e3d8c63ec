import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from './environment.ts';

interface Identity {
  /** Where the home was when the mark was made: a copy of it is another one. */
  home: string;
  mark: string;
}

const fileOf = (home: string) => join(home, 'identity.json');

function readIdentity(home: string): Identity | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(home), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether what lies in that home was written for another place: the folder is a copy, or was moved. */
export function isCopy(home: string): boolean {
  const identity = readIdentity(home);
  return identity !== undefined && identity.home !== realpathSync(home);
}

/** A random text that only this home has. Made at its first use, and again in a copy. */
export function markOf(home: string): string {
  const known = readIdentity(home);
  if (known && !isCopy(home)) return known.mark;
  mkdirSync(home, { recursive: true });
  const identity: Identity = { home: realpathSync(home), mark: randomBytes(6).toString('hex') };
  writeFileSync(fileOf(home), JSON.stringify(identity), { mode: 0o600 });
  return identity.mark;
}

/**
 * The environment with passwords of this home's own: a server of another checkout, which may get the port of one that
 * crashed here, then refuses our services, and ours refuse its (docs/decisions/private-services.md).
 * A password of `chosen` stays as it is.
 */
export function withOwnPasswords(
  environment: Environment,
  mark: string,
  chosen: Record<string, string | undefined> = {},
): Environment {
  const result = { ...environment }; // with what is wrong with lines of .env, which travels along
  for (const [name, value] of Object.entries(environment)) {
    if (name.endsWith('_PASSWORD') && value !== '' && chosen[name] === undefined) result[name] = `${value}-${mark}`;
  }
  return result;
}
