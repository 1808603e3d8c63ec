import { readFileSync } from 'node:fs';
import pg from 'pg';

const CREATE = new URL('./create-database.sql', import.meta.url);
const ADOPT = new URL('./adopt-tables.sql', import.meta.url);

interface Variables {
  role: string;
  password: string;
  database: string;
  ctype: string;
}

/** Runs `create-database.sql` over an open superuser connection, for computers that have no psql. */
export async function createOwnedDatabase(superuser: pg.Client, variables: Variables): Promise<void> {
  await runScript(superuser, CREATE, variables);
}

/** Runs `adopt-tables.sql` over a superuser's connection to that database. Gives true when something got another owner. */
export async function adoptTables(superuser: pg.Client, variables: Pick<Variables, 'role'>): Promise<boolean> {
  return (await runScript(superuser, ADOPT, variables)) > 0;
}

/** Gives the number of commands that the script made of its data. */
async function runScript(superuser: pg.Client, script: URL, variables: Partial<Variables>): Promise<number> {
  let made = 0;
  for (const { sql, gexec } of statements(readFileSync(script, 'utf8'), variables)) {
    const { rows } = await superuser.query<string[]>({ text: sql, rowMode: 'array' });
    if (!gexec) continue;
    for (const [command] of rows) await superuser.query(command!);
    made += rows.length;
  }
  return made;
}

/** The part of psql's language that the script uses: `:'literal'`, `:"identifier"` and `\gexec`. */
function statements(script: string, variables: Partial<Variables>): { sql: string; gexec: boolean }[] {
  const code = script.replace(/^--.*$/gm, '');
  return [...code.matchAll(/(.+?)(;|\\gexec)$/gms)].map(([, text, end]) => ({
    gexec: end === '\\gexec',
    sql: text!
      .replace(/:'(\w+)'/g, (_, name: keyof Variables) => pg.escapeLiteral(variables[name]!))
      .replace(/:"(\w+)"/g, (_, name: keyof Variables) => pg.escapeIdentifier(variables[name]!)),
  }));
}
