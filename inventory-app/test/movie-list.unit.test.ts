import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Database } from '../app/database.ts';
import { movieList } from '../app/movie-list.ts';

test('an endless list is read as far as its reader goes, and no further once the reader has left', async () => {
  let pages = 0;
  const database = {
    query: async () => {
      pages++;
      return [{ films: `{"id":${pages}}`, lastId: pages, isLast: false }];
    },
  } as unknown as Database;

  const list = (await movieList(database, '')) as Readable;
  expect(pages).toBe(1);
  await once(list, 'readable');
  await wait(50);
  expect(pages).toBeLessThanOrEqual(3);

  list.destroy();
  await once(list, 'close');
  const atTheEnd = pages;
  await wait(50);
  expect(pages).toBe(atTheEnd);
});
