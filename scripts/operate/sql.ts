// npm run sql -- [--cluster] [DATABASE ['STATEMENT']]: runs one statement in a database of the stack, as the role that owns it; without one opens psql there
//
// --cluster: at the primary of the three nodes (docs/cluster.md) or, where none leads, at a PostgreSQL that can be read.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { databases } from '../run/servers/migrations.ts';
import { runCommand } from '../run/terminal/command.ts';
import { Failure } from '../run/terminal/failure.mjs';
import { textTable } from '../run/terminal/table.ts';
import { chosenStack } from './operated-stack.ts';

await runCommand(async () => {
  const { stack, rest } = chosenStack(process.argv.slice(2));
  const environment = await stack.environment();
  const names = databases.map(({ prefix }) => environment[`${prefix}_NAME`]!);
  const [database = names[0]!, statement] = rest;
  const owner = databases.find(({ prefix }) => environment[`${prefix}_NAME`] === database);
  if (!owner) throw new Failure(`Usage: npm run sql -- [--cluster] ${names.join('|')} ['TABLE …']`);

  const [host, port, user, password] = ['HOST', 'PORT', 'USER', 'PASSWORD'].map((part) => environment[`${owner.prefix}_${part}`]);
  if (!statement) return openPsql({ PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password, PGDATABASE: database });
  const client = new pg.Client({ host, port: Number(port), user, password, database, connectionTimeoutMillis: 3000 });
  client.on('error', () => {}); // the query in hand reports it
  try {
    await client.connect();
    const results = [await client.query({ text: statement, rowMode: 'array' })].flat(); // several where the text has several statements
    for (const { rows, fields, command, rowCount } of results) {
      const head = fields.map((field) => field.name);
      if (head.length > 0)
        console.log(textTable([head, ...(rows as unknown[][]).map((row) => row.map((value) => String(value ?? '')))]));
      console.log(fields.length > 0 ? `(${rows.length} rows)` : `${command} ${rowCount ?? ''}`.trim());
    }
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Failure(
      code === 'ECONNREFUSED'
        ? `PostgreSQL does not run at ${host}:${port}: ${stack.starts} starts it.`
        : `${database}: ${message}`,
    );
  } finally {
    await client.end().catch(() => {});
  }
});

/** Resolves with its exit status. */
async function openPsql(connection: Record<string, string | undefined>): Promise<number> {
  const child = spawn('psql', [], { stdio: 'inherit', env: { ...process.env, ...connection } });
  process.on('SIGINT', () => {}); // psql's: it ends a query, not the session
  const [ended] = await Promise.race([once(child, 'close'), once(child, 'error')]);
  if (typeof ended !== 'object' || ended === null) return ended ?? 1;
  throw new Failure(
    "psql is not installed here (Debian: apt-get install postgresql-client). One statement works without it: npm run sql -- movies_db 'TABLE movies LIMIT 3'",
  );
}
