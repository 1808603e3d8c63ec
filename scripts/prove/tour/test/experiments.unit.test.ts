import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';
import { promise, readTour } from '../experiments.ts';

const { experiments } = readTour();

test('the tour has eight experiments, each named in docs/architecture.md', () => {
  const titles = experiments.map(({ title }) => title);
  const named = readFileSync(join(checkout, 'docs', 'architecture.md'), 'utf8').matchAll(/^\d+\. \[(.+)\]\(tour\.md#/gm);
  expect(titles).toHaveLength(8);
  expect([...named].map(([, title], index) => `${index + 1}. ${title}`)).toEqual(titles);
});

describe.each(experiments)('$title', ({ steps, prose }) => {
  test('says what to do, what is then to be seen, and where to read why', () => {
    expect(steps[0]!.kind).toBe('sh');
    expect(steps.some(({ kind }) => kind === 'page')).toBe(true);
    expect(prose).toMatch(/^\*\*Why\.\*\*[^#]*\(reliability\.md#/m);
  });

  test('has no block that the test would pass over', () => {
    expect(prose.match(/^```/gm)).toHaveLength(2 * steps.length);
    expect(steps.filter(({ kind, again }, i) => again && !(kind === 'sh' && steps[i + 1]?.kind === 'text'))).toEqual([]);
  });
});

describe('a promise', () => {
  test.each([
    ['a line', 'one\ntwo\n', 'two', true],
    ['a part of a line', 'one\ntwo\n', 'tw', false],
    ['lines in another order', 'one\ntwo\n', 'two\none', false],
    ['lines with others between them', 'one\nand\ntwo\n', 'one\ntwo', false],
    ['any text of a line', '{"id":7,"title":"M"}\n', '{"id":…,"title":"M"}', true],
    ['text over the end of a line', '{"id":7,\n"title":"M"}\n', '{"id":…"M"}', false],
    ['any lines', 'one\nand\nand\ntwo\n', 'one\n…\ntwo', true],
    ['no line at all', 'one\ntwo\n', 'one\n…\ntwo', true],
    ['signs of regular expressions', 'a1\n', 'a.', false],
  ])('of %s', (_what, output, lines, isKept) => {
    expect(promise(lines).test(output)).toBe(isKept);
  });
});
