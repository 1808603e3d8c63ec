import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '@crud-master/plumbing/environment';
import { afterEach, expect, test, vi } from 'vitest';
import { sentenceOf } from '../command.ts';
import { Failure } from '../failure.mjs';

afterEach(() => vi.unstubAllEnvs());

function failureOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not fail.');
}

const parse = (...args: string[]) => failureOf(() => parseArgs({ args, options: { lines: { type: 'string' } } }));
const parseWords = (...args: string[]) => failureOf(() => parseArgs({ args, allowPositionals: true, options: {} }));

test.each([
  [parse('--foo'), "Unknown option '--foo'"],
  [parseWords('--foo'), "Unknown option '--foo'"],
  [parse('extra'), "Unexpected argument 'extra'"],
  [parse('--lines'), "Option '--lines <value>' argument missing"],
])('what is wrong with the words of a command is one sentence that names its help', (error, what) => {
  vi.stubEnv('npm_lifecycle_event', 'logs');
  expect(sentenceOf(error)).toBe(`${what}: npm run logs -- --help says what it takes.`);
  vi.stubEnv('npm_lifecycle_event', 'start');
  expect(sentenceOf(error)).toBe(`${what}: npm start -- --help says what it takes.`);
});

test('a failure and a wrong configuration speak for themselves', () => {
  expect([sentenceOf(new Failure('This.')), sentenceOf(new ConfigurationError('That.'))]).toEqual(['This.', 'That.']);
});

test('a file that cannot be used is named, with what to do', () => {
  expect(sentenceOf(failureOf(() => readFileSync('/nowhere/x')))).toMatch(/^\/nowhere\/x cannot be used: ENOENT/);
  const full = failureOf(() => writeFileSync('/dev/full', 'x'));
  expect(sentenceOf(full)).toBe('A file cannot be used: the disk is full. Free some space, and try again.');
});

test('of an error that nobody thought of there is one line, with the place where it was thrown', () => {
  expect(sentenceOf(new TypeError('no'))).toMatch(/^Unexpected: no \(at \/.*command\.unit\.test\.ts:\d+\)$/);
});
