import { expect, test } from 'vitest';
import type { Report } from '../../../run/terminal/report.ts';
import { type Backup, replaceDatabases } from '../replacement.ts';

const report: Report = { step: (_name, work) => work(() => {}), note: () => {} };

/** Of databases with those names, on a server that cannot be reached: what is refused is refused before anything is asked of it. */
const replace = (MOVIES_DB_NAME: string, ORDERS_DB_NAME: string) =>
  replaceDatabases(
    {
      server: { host: '127.0.0.1', port: 1, superuser: 'postgres', password: '' },
      environment: { MOVIES_DB_NAME, ORDERS_DB_NAME },
      home: '/nowhere',
    },
    {} as Backup,
    report,
  );

test.each([
  ['f'.repeat(63), 'orders_db', 'MOVIES_DB_NAME'],
  ['f'.repeat(55), 'orders_db', 'MOVIES_DB_NAME'],
  ['films', 'é'.repeat(28), 'ORDERS_DB_NAME'],
])(
  'a name without room for _restored in 63 bytes is refused, before anything is dropped: %s, %s',
  async (films, orders, name) => {
    await expect(replace(films, orders)).rejects.toThrow(new RegExp(`^${name} is .*: .* 54 bytes at most`));
  },
);

test.each([
  ['films', 'films_restored'],
  ['orders_replaced', 'orders'],
])('a name that a restore would give to the other database is refused: %s, %s', async (films, orders) => {
  await expect(replace(films, orders)).rejects.toThrow(
    /^(MOVIES|ORDERS)_DB_NAME is \w+_(restored|replaced): .* Choose another name/,
  );
});

test('a name of 54 bytes has room: the server is asked', async () => {
  await expect(replace('f'.repeat(54), 'o'.repeat(54))).rejects.toThrow(/ECONNREFUSED/);
});
