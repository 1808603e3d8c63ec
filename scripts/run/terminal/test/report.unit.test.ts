import { afterEach, expect, test, vi } from 'vitest';
import { createReport } from '../report.ts';

afterEach(() => vi.unstubAllEnvs());

/** What two steps, of which the second fails, write where that is a terminal and the environment says this. */
async function written(isTTY: boolean, environment: Record<string, string>): Promise<string> {
  for (const [name, value] of Object.entries({ TERM: 'xterm', CI: '', ...environment })) vi.stubEnv(name, value);
  let text = '';
  const output = { isTTY, columns: 80, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  const report = createReport(output);
  await report.step('One', async (detail) => {
    detail('here');
    await new Promise((resolve) => setTimeout(resolve, 250)); // longer than until the next drawing
  });
  await expect(report.step('Two', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  return text;
}

test('steps are drawn again on a terminal, and what came of them is what stays', async () => {
  const text = await written(true, {});
  expect(text).toMatch(/… One {12}here .*\x1b\[1A\x1b\[J/s);
  expect(text).toMatch(/✓ One {12}here +0\.\d s\n/);
  expect(text).toMatch(/✗ Two {31}.*\n$/);
});

test.each([
  ['a pipe', false, {}],
  ['a terminal without a cursor', true, { TERM: 'dumb' }],
  ['a CI system', true, { CI: 'true' }],
])('in %s a step is a line, and nothing moves a cursor', async (_where, isTTY, environment) => {
  expect(await written(isTTY, environment)).toMatch(/^✓ One {12}here +0\.\d s\n✗ Two +\d\.\d s\n$/);
});
