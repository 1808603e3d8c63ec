import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayElements } from '../catalogue.ts';
import { filmKey, filmsFromRows, readRows } from '../films.ts';

describe('filmsFromRows', () => {
  test('makes text of titles that are numbers, and counts what is no film', () => {
    const { films, untitled, repeated } = filmsFromRows([
      { Title: 1776, 'Major Genre': 'Drama', Distributor: 'Warner Bros.' },
      { Title: null, Director: 'Nobody' },
      { Title: '  ' },
      { Title: ' Crash ' },
      { Title: 'Crash' },
      { Title: 'Crash', Director: 'Paul Haggis' },
    ]);
    expect(films).toEqual([
      { title: '1776', description: 'Drama. By Warner Bros.' },
      { title: 'Crash', description: '' },
      { title: 'Crash', description: 'Directed by Paul Haggis.' },
    ]);
    expect({ untitled, repeated }).toEqual({ untitled: 2, repeated: 1 });
  });

  test('knows every film of vega-datasets from every other', () => {
    const rows = readRows();
    const { films, untitled, repeated } = filmsFromRows(rows);
    expect(films.length + untitled + repeated).toBe(rows.length);
    expect(new Set(films.map(filmKey)).size).toBe(films.length);
  });
});

async function collect(chunks: string[]): Promise<unknown[]> {
  const elements: unknown[] = [];
  for await (const element of arrayElements(chunks as unknown as AsyncIterable<string>)) elements.push(JSON.parse(element));
  return elements;
}

describe('arrayElements', () => {
  test('finds the objects wherever the text is cut', async () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant({ a: '}"\\]' }))), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(objects, fc.integer({ min: 1, max: 9 }), async (array, size) => {
        const chunks = JSON.stringify(array).match(new RegExp(`.{1,${size}}`, 'gs'))!;
        expect(await collect(chunks)).toEqual(JSON.parse(JSON.stringify(array)));
      }),
    );
  });

  test('notices a list that ends too early', async () => {
    await expect(collect(['[{"id":1},'])).rejects.toThrow('ended before it was complete');
    await expect(collect(['[{"id":1},{"id"'])).rejects.toThrow('ended before it was complete');
  });
});
