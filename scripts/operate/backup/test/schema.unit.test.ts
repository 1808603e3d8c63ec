import { globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';
import { readTables, requireMadeByMigrations, tablesOf } from '../schema.ts';

test('the tables of both services are those of their schemas', () => {
  expect(tablesOf('inventory-app')).toEqual(new Map([['movies', new Set(['id', 'title', 'description'])]]));
  expect(tablesOf('billing-app')).toEqual(
    new Map([
      ['orders', new Set(['id', 'user_id', 'number_of_items', 'total_amount'])],
      ['handled_messages', new Set(['message_id', 'content_hash', 'handled_at'])],
    ]),
  );
});

test('where the migrations are not those of the checkout, older or newer, nothing is said of tables', () => {
  const tables = [{ name: 'keep', columns: ['id'] }];
  const all = globSync('*_*/', { cwd: join(checkout, 'billing-app', 'prisma', 'migrations') });
  expect(() => requireMadeByMigrations('billing-app', 'orders_db', all.slice(1), tables)).not.toThrow();
  expect(() => requireMadeByMigrations('billing-app', 'orders_db', [...all, '20990101000000_of_tomorrow'], tables)).not.toThrow();
  expect(() => requireMadeByMigrations('billing-app', 'orders_db', all, tables)).toThrow(/^orders_db has .*: table keep\./);
});

test('a table without another name has that of its model, and a relation is no column', () => {
  const schema = `
model Actor {
  id     Int     @id
  /// The Film that made the name
  film   Film?   @relation(fields: [filmId], references: [id])
  filmId Int?    @map("film_id")
}

model Film {
  id     Int     @id
  price  Decimal @map("ticket") @db.Decimal(12, 2)
  actors Actor[]

  @@index([price], map: "films_price")
  @@map("films")
}
`;
  expect(readTables(schema)).toEqual(
    new Map([
      ['Actor', new Set(['id', 'film_id'])],
      ['films', new Set(['id', 'ticket'])],
    ]),
  );
});
