import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const LINE = /^ {2}http-error status (\d+) content-type application\/problem\+json string '([^']+)'( hdr Retry-After 1)?$/;

test('what HAProxy says itself are problem details, with the status that it has', () => {
  const lines = readFileSync(join(import.meta.dirname, '..', 'haproxy-answers.cfg'), 'utf8')
    .trimEnd()
    .split('\n');
  const answers = lines.filter((line) => !line.startsWith('  #')).map((line) => LINE.exec(line)!);
  expect(answers.map(([, status]) => status)).toEqual(['502', '503', '504']);
  for (const [, status, body, retryAfter] of answers) {
    const problem = JSON.parse(body!) as Record<string, unknown>;
    expect(problem).toEqual({
      type: expect.stringMatching(/^urn:crud-master:problem:gateway-[a-z]+$/),
      title: expect.any(String),
      status: Number(status),
      detail: expect.stringMatching(/\.$/),
    });
    expect(Boolean(retryAfter)).toBe(status === '503'); // only there the request certainly had no effect
  }
});
