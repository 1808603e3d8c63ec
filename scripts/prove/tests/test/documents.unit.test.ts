import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';

const read = (file: string) => readFileSync(join(checkout, file), 'utf8');
const { scripts, workspaces } = JSON.parse(read('package.json'));
const rooms = ['scripts', ...workspaces].join(',');
const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: checkout }).sort();
const sources = globSync(['.env', 'Vagrantfile', 'docs/*.yaml', `{${rooms}}/**/*.{ts,mjs,sh,prisma}`], {
  cwd: checkout,
  exclude: ['**/node_modules', '**/generated', '**/test'],
});

/** The names that stand behind `npm run` in a file. */
const commandsIn = (file: string) =>
  [...read(file).matchAll(/npm run (?:--silent )?([a-z][\w-]*(?::\w+)*)/g)].map(([, name]) => name!);

test('documents and comments name no command of npm that does not exist', () => {
  const unknown = [...documents, ...sources].map(
    (file) => [file, commandsIn(file).filter((name) => !(name in scripts))] as const,
  );
  expect(unknown.filter(([, names]) => names.length > 0)).toEqual([]);
});

test('every command of npm is told in a document', () => {
  const told = new Set(['start', 'stop', 'test', ...documents.flatMap(commandsIn)]);
  expect(Object.keys(scripts).filter((name) => !told.has(name))).toEqual([]);
});

describe.each(documents)('%s', (document) => {
  test('names files and folders that exist', () => {
    const path = new RegExp(`(?<![\\w./<{-])(?:docs|${rooms.replaceAll(',', '|')})/[\\w./-]*\\w`, 'g');
    expect([...read(document).matchAll(path)].map(([path]) => path).filter((path) => !existsSync(join(checkout, path)))).toEqual(
      [],
    );
  });

  test('links to what exists, headings too', () => {
    const links = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^https?:/.test(link));
    const broken = links.filter((link) => {
      const [path, heading] = link.split('#') as [string, string?];
      const target = path ? join(dirname(document), path) : document;
      return !existsSync(join(checkout, target)) || (heading !== undefined && !anchorsOf(read(target)).includes(heading));
    });
    expect(broken).toEqual([]);
  });
});

/** As GitHub makes them of headings. */
const anchorsOf = (markdown: string) =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
