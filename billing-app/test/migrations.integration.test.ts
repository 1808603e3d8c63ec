import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { copyOfService } from '../../scripts/prove/tests/service-copy.ts';
import { createTestDatabase } from '../../scripts/prove/tests/services.ts';
import { migrate } from '../../scripts/run/servers/migrations.ts';

const CHANGED = '20260101000100_remember_handled_messages';

/** That migration as it was before it was changed. Databases exist that it was applied to. */
const AS_IT_WAS = `CREATE TABLE "handled_messages" (
    "message_id" TEXT NOT NULL,
    "content_hash" BYTEA NOT NULL,
    "handled_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "handled_messages_pkey" PRIMARY KEY ("message_id")
);

-- Pruning takes the oldest first, a piece at a time.
CREATE INDEX "handled_messages_age" ON "handled_messages"("handled_at");
`;

async function schemaOf(database: string) {
  const { postgres } = inject('services');
  const client = new pg.Client({ ...postgres, user: postgres.superuser, database });
  await client.connect();
  const rows = async (text: string) => (await client.query(text)).rows;
  try {
    return {
      columns: await rows(
        `SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum`,
      ),
      indexes: await rows(`SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`),
      constraints: await rows(
        `SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2`,
      ),
      applied: await rows('SELECT migration_name, checksum, rolled_back_at FROM _prisma_migrations ORDER BY 1'),
    };
  } finally {
    await client.end();
  }
}

test('a database from before a migration was changed gets the schema and the record of a new one', async () => {
  const old = await createTestDatabase('ORDERS_DB', 'template0');
  const folder = copyOfService('billing-app');
  const migrations = join(folder, 'prisma', 'migrations');
  const today = readFileSync(join(migrations, CHANGED, 'migration.sql'), 'utf8');
  const later = readdirSync(migrations).filter((name) => /^\d/.test(name) && name > CHANGED);

  writeFileSync(join(migrations, CHANGED, 'migration.sql'), AS_IT_WAS);
  for (const name of later) renameSync(join(migrations, name), join(folder, name));
  await migrate(folder, old.env);
  expect((await schemaOf(old.name)).indexes).toContainEqual(
    expect.objectContaining({ indexdef: expect.stringMatching(/btree \(handled_at\)/) }),
  );

  writeFileSync(join(migrations, CHANGED, 'migration.sql'), today);
  for (const name of later) renameSync(join(folder, name), join(migrations, name));
  await migrate(folder, old.env);
  expect(await schemaOf(old.name)).toEqual(await schemaOf((await createTestDatabase('ORDERS_DB')).name));
});
