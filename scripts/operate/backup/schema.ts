import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { Failure } from '../../run/terminal/failure.mjs';

interface Table {
  name: string;
  columns: string[];
}

/**
 * Throws a Failure that names the tables and columns which no migration has made: a restore could not make them either. Where
 * the migrations are not those of this checkout, its `schema.prisma` is not that of the tables, and nothing is known of them.
 */
export function requireMadeByMigrations(app: string, database: string, migrations: string[], tables: Table[]): void {
  const entries = readdirSync(join(checkout, app, 'prisma', 'migrations'), { withFileTypes: true });
  const ours = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (ours.sort().join() !== migrations.toSorted().join()) return;
  const known = tablesOf(app);
  const unknown = tables.flatMap(({ name, columns }) => {
    const named = known.get(name);
    return named ? columns.filter((column) => !named.has(column)).map((column) => `column ${name}.${column}`) : [`table ${name}`];
  });
  if (unknown.length > 0)
    throw new Failure(
      `${database} has what no migration has made, so that a restore could not make it: ${unknown.join(', ')}. Drop it (npm run sql), or give it a migration (docs/contributing.md#a-migration), then back up again.`,
    );
}

/** The columns of each table that a workspace's `schema.prisma` names, which is what all its migrations make. */
export const tablesOf = (app: string): Map<string, Set<string>> =>
  readTables(readFileSync(join(checkout, app, 'prisma', 'schema.prisma'), 'utf8'));

export function readTables(schema: string): Map<string, Set<string>> {
  const models = [...schema.matchAll(/^model (\w+) \{\n(.*?)^\}/gms)] as unknown as [string, string, string][];
  const names = models.map(([, model]) => model);
  return new Map(
    models.map(([, model, body]) => {
      // A field whose type is a model is a relation, and no column.
      const fields = [...body.matchAll(/^ *(\w+) +(\w+)(.*)$/gm)].filter(([, , type]) => !names.includes(type!));
      return [
        /^ *@@map\("(.+?)"\)/m.exec(body)?.[1] ?? model,
        new Set(fields.map(([, field, , rest]) => /@map\("(.+?)"\)/.exec(rest!)?.[1] ?? field!)),
      ];
    }),
  );
}
