import { readFileSync } from 'node:fs';

/** The help of a program: the comment at the head of its file. */
export function helpOf(program) {
  const [comment = ''] = /^(?:\/\*\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/.exec(readFileSync(program, 'utf8')) ?? [];
  return comment
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .replace(/^ *(?:\*|\/\/) ?/gm, '')
    .trim();
}
