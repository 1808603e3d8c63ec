import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseEnvFile } from '../env-file.ts';
import {
  ConfigurationError,
  type Environment,
  loadEnvironment,
  parseEnvironment,
  readEnvironment,
  variable,
} from '../environment.ts';

interface EnvLine {
  what: string;
  text: string;
  values: Record<string, string>;
  faults?: Record<string, string>;
}

const envLines: EnvLine[] = JSON.parse(readFileSync(new URL('./env-lines.json', import.meta.url), 'utf8'));

test.each(envLines)('reads $what', ({ text, values, faults = {} }) => {
  expect(parseEnvFile(text)).toEqual({ values, faults });
});

const folder = mkdtempSync(join(tmpdir(), 'environment-'));
afterAll(() => rmSync(folder, { recursive: true }));

function envFile(text: string): URL {
  const file = join(folder, '.env');
  writeFileSync(file, text);
  return pathToFileURL(file);
}

describe('the environment', () => {
  const file = () => envFile('A=file\nB=file\n');

  test('has the process over the file', () => {
    expect(loadEnvironment(file(), { B: 'own', C: 'own' })).toMatchObject({ A: 'file', B: 'own', C: 'own' });
  });

  test('of the file alone has its names only', () => {
    expect(Object.entries(readEnvironment(file(), { B: 'own', C: 'own' }))).toEqual([
      ['A', 'file'],
      ['B', 'own'],
    ]);
  });

  test('needs no file', () => {
    expect(loadEnvironment(pathToFileURL(join(folder, 'none')), { A: 'own' })).toMatchObject({ A: 'own' });
  });

  test('says which file cannot be read', () => {
    expect(() => loadEnvironment(pathToFileURL(folder), {})).toThrow(`${folder} cannot be read`);
  });
});

const variables = z.object({
  HOST: variable.host,
  PASSWORD: variable.text,
  LIMIT: variable.bytes(100),
  WAIT: variable.milliseconds(5000),
});

function messageOf(environment: Environment, renamed?: Record<string, string>): string {
  try {
    parseEnvironment(variables, environment, renamed);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
}

describe('the configuration', () => {
  const good = { HOST: '127.0.0.1', PASSWORD: 'secret' };

  test('has defaults, also for what is empty', () => {
    const defaults = { ...good, LIMIT: 100, WAIT: 5000 };
    expect(parseEnvironment(variables, good)).toEqual(defaults);
    expect(parseEnvironment(variables, { ...good, LIMIT: '', WAIT: undefined })).toEqual(defaults);
  });

  test('names all that is missing or wrong together, no password shown', () => {
    const lines = messageOf({ HOST: 'a b', LIMIT: '0', WAIT: 'soon' }).split('\n').slice(1);
    expect(lines).toEqual([
      '  HOST must be a host name or an address (it is "a b")',
      '  PASSWORD is missing',
      '  LIMIT must be bytes from 1 to 1073741824 (it is "0")',
      '  WAIT must be milliseconds from 1 to 3600000 (it is "soon")',
    ]);
  });

  test('says what is wrong with the line of a password with # and no quotes', () => {
    const environment = loadEnvironment(envFile('HOST=h\n\nPASSWORD=#secret\n'), {});
    expect(messageOf(environment)).toMatch(/\n {2}PASSWORD \(line 3 of .env\) is empty: a value with # needs quotes$/);
  });

  test('takes no half of a password', () => {
    const environment = loadEnvironment(envFile('HOST=h\nPASSWORD=top#secret\n'), {});
    expect(messageOf(environment)).toMatch(/\n {2}PASSWORD \(line 2 of .env\) ends before its #: a value with # needs quotes$/);
  });

  test('says which line has a name but no =, also where a default would do', () => {
    const environment = loadEnvironment(envFile('HOST=h\nPASSWORD=p\nLIMIT 50\n'), {});
    expect(messageOf(environment)).toMatch(/\n {2}LIMIT \(line 3 of .env\) has no = after its name$/);
  });

  test('does not mind a faulty line that it does not read, or that the process overrides', () => {
    const text = 'HOST=h\nPASSWORD=#secret\nOTHER=#1\n';
    expect(messageOf(loadEnvironment(envFile(text), { PASSWORD: 'own' }))).toBe('');
  });

  test('says when an old name is still set, unless it says the same as the new one', () => {
    const renamed = { OLD_LIMIT: 'LIMIT' };
    expect(messageOf({ ...good, OLD_LIMIT: '50' }, renamed)).toMatch(/\n {2}OLD_LIMIT is called LIMIT now$/);
    expect(messageOf({ ...good, OLD_LIMIT: '50', LIMIT: '60' }, renamed)).toContain('OLD_LIMIT is called LIMIT now');
    expect(messageOf({ ...good, OLD_LIMIT: '50', LIMIT: '50' }, renamed)).toBe('');
  });
});
