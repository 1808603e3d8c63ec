import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isCopy, markOf, withOwnPasswords } from '../identity.ts';

const scratch = mkdtempSync(join(tmpdir(), 'identity-'));
afterAll(() => rmSync(scratch, { recursive: true }));

test('a home keeps its mark, and a copy of it gets another one', () => {
  const [home, copy] = [join(scratch, 'home'), join(scratch, 'copy')];
  mkdirSync(home);
  const mark = markOf(home);
  expect(markOf(home)).toBe(mark);
  cpSync(home, copy, { recursive: true });
  expect(isCopy(copy)).toBe(true);
  expect(markOf(copy)).not.toBe(mark);
  expect(isCopy(copy)).toBe(false);
  expect(isCopy(home)).toBe(false);
});

test('passwords carry the mark, all else stays', () => {
  expect(withOwnPasswords({ MOVIES_DB_USER: 'u', MOVIES_DB_PASSWORD: 'p' }, 'm')).toEqual({
    MOVIES_DB_USER: 'u',
    MOVIES_DB_PASSWORD: 'p-m',
  });
});

test('a password that somebody chose for this start stays as it is', () => {
  const chosen = { MOVIES_DB_PASSWORD: 'mine' };
  expect(withOwnPasswords(chosen, 'm', chosen)).toEqual(chosen);
});
