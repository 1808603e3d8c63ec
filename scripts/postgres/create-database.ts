import { readFileSync } from 'node:fs';
import pg from 'pg';

const SCRIPT = new URL('./create-database.sql', import.meta.url);

interface Variables {
  role: string;
  password: string;
  database: string;
  ctype: string;
}

/** Runs `create-database.sql` over an open superuser connection, for computers that have no psql. */
export async function createOwnedDatabase(superuser: pg.Client, variables: Variables): Promise<void> {
  for (const { sql, gexec } of statements(readFileSync(SCRIPT, 'utf8'), variables)) {
    const { rows } = await superuser.query<string[]>({ text: sql, rowMode: 'array' });
    if (gexec) for (const [command] of rows) await superuser.query(command!);
  }
}

/** The part of psql's language that the script uses: `:'literal'`, `:"identifier"` and `\gexec`. */
function statements(script: string, variables: Variables): { sql: string; gexec: boolean }[] {
  const code = script.replace(/^--.*$/gm, '');
  return [...code.matchAll(/(.+?)(;|\\gexec)$/gms)].map(([, text, end]) => ({
    gexec: end === '\\gexec',
    sql: text!
      .replace(/:'(\w+)'/g, (_, name: keyof Variables) => pg.escapeLiteral(variables[name]))
      .replace(/:"(\w+)"/g, (_, name: keyof Variables) => pg.escapeIdentifier(variables[name])),
  }));
}
