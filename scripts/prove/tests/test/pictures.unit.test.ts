import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(CHROMIUM))
  console.log(`The pictures of the documents are not drawn: there is no ${CHROMIUM}. Debian has it: apt-get install chromium`);
const MERMAID = join(dirname(createRequire(import.meta.url).resolve('@mermaid-js/tiny/package.json')), 'dist', 'mermaid.tiny.js');

/** Pixels. A forge fits a picture into its column, of some 830, and a text of 16 pixels is still one of 12 then. */
const WIDEST = 1100;

/** Each by its file and the line where it begins. */
const pictures = globSync(['*.md', '*/**/*.md'], { cwd: checkout, exclude: ['**/node_modules', '.local', '.vagrant'] })
  .sort()
  .flatMap((document) => {
    const text = readFileSync(join(checkout, document), 'utf8');
    return [...text.matchAll(/^```mermaid\n(.*?)^```$/gms)].map(({ 1: source, index }) => ({
      place: `${document}:${text.slice(0, index).split('\n').length}`,
      source: source!,
    }));
  });

/** Where texts stand in a picture's source. */
const TEXTS = [
  /"([^"]+)"/g,
  /\|([^"|\n]+)\|/g, // on an arrow
  /\w[([]+([^"()[\]\n]+)[)\]]+/g, // in a box
  /^ *(?:participant|actor) (?:\w+ as )?(.+)$/gm,
  /^ *(?:subgraph|loop) (.+)$/gm,
  /^[^"\n]*: (.+)$/gm, // on an arrow, or in a note
];
/** Blanks do not count: lines are broken. */
const textsIn = (source: string) =>
  TEXTS.flatMap((pattern) => [...source.matchAll(pattern)].map(([, text]) => plain(text!.replaceAll('<br/>', ''))));
const plain = (text: string) => text.replace(/\s/g, '');

test.each(pictures)('$place leaves its colours to the reader, who may have chosen the dark', ({ source }) => {
  expect(source).not.toMatch(/#[\da-f]{3,8}\b|rgba?\(|%%\{|^---$|^ *(style|linkStyle|classDef|rect|box) /im);
});

describe.skipIf(!existsSync(CHROMIUM))('In a browser', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: WIDEST, height: 1000 } });
    await page.setContent('<main></main>');
    await page.addScriptTag({ path: MERMAID });
    await page.evaluate('mermaid.initialize({ startOnLoad: false })');
  });
  afterAll(() => browser?.close());

  test.each(pictures)('$place is a picture with all of its texts, and fits on a page', async ({ source }) => {
    expect(textsIn(source).length).toBeGreaterThan(3);
    const { text, width } = await draw(source);
    expect(textsIn(source).filter((wanted) => !plain(text).includes(wanted))).toEqual([]);
    expect(width).toBeGreaterThan(100);
    expect(width).toBeLessThanOrEqual(WIDEST);
  });

  test('a fault in a picture is noticed', async () => {
    await expect(draw('flowchart LR\n  a["one"] --> ')).rejects.toThrow('Parse error');
  });

  const draw = (source: string): Promise<{ text: string; width: number }> =>
    page.evaluate(`mermaid.render('picture', ${JSON.stringify(source)}).then(({ svg }) => {
      const main = document.querySelector('main');
      main.innerHTML = svg;
      return { text: main.textContent, width: main.querySelector('svg').viewBox.baseVal.width };
    })`);
});
