import { readFileSync } from 'node:fs';
import pg from 'pg';
import { connect, type PostgresAddress } from './connection.ts';

const CREATE = new URL('./create-database.sql', import.meta.url);
const ADOPT = new URL('./adopt-tables.sql', import.meta.url);

interface Variables {
  role: string;
  password: string;
  database: string;
  ctype: string;
}

/** Runs `create-database.sql` over an open superuser connection, for computers that have no psql. */
async function createOwnedDatabase(superuser: pg.Client, variables: Variables): Promise<void> {
  await runScript(superuser, CREATE, variables);
}

/** Runs `adopt-tables.sql` over a superuser's connection to that database. Gives true when something got another owner. */
async function adoptTables(superuser: pg.Client, variables: Pick<Variables, 'role'>): Promise<boolean> {
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

/** macOS has no C.UTF-8. */
const CTYPE = process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8';

interface OwnedDatabase {
  role: string;
  password: string;
  database: string;
}

/** Makes the roles and the databases that they own, or brings them up to date: what a former role owned becomes the new one's. */
export async function ensureDatabases(server: PostgresAddress, wanted: OwnedDatabase[]): Promise<void> {
  const create = async () => {
    for (const one of wanted) await using(server, 'postgres', (client) => createOwnedDatabase(client, { ...one, ctype: CTYPE }));
  };
  await create();
  let moved = false;
  for (const one of wanted) if (await using(server, one.database, (client) => adoptTables(client, one))) moved = true;
  if (moved) await create(); // whose owner was the former role, the other database changed hands too
}

async function using<T>(server: PostgresAddress, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(server, database);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
