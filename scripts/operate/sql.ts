// npm run sql -- DATABASE 'STATEMENT': runs one statement in a database of the stack, as the role that owns it
import pg from 'pg';
import { databases } from '../run/servers/migrations.ts';
import { savedEnvironment } from '../run/stack/environment.ts';
import { localHome } from '../run/stack/home.ts';
import { runCommand } from '../run/terminal/command.ts';
import { Failure } from '../run/terminal/failure.mjs';
import { textTable } from '../run/terminal/table.ts';

await runCommand(async () => {
  const environment = savedEnvironment(localHome());
  if (!environment) throw new Failure('The local stack was never started: npm start starts it.');
  const [database, statement] = process.argv.slice(2);
  const names = databases.map(({ prefix }) => environment[`${prefix}_NAME`]!);
  const owner = databases.find(({ prefix }) => environment[`${prefix}_NAME`] === database);
  if (!owner || !statement) throw new Failure(`Usage: npm run sql -- ${names.join('|')} 'TABLE …'`);

  const [host, port, user, password] = ['HOST', 'PORT', 'USER', 'PASSWORD'].map((part) => environment[`${owner.prefix}_${part}`]);
  const client = new pg.Client({ host, port: Number(port), user, password, database, connectionTimeoutMillis: 3000 });
  client.on('error', () => {}); // the query in hand reports it
  try {
    await client.connect();
    const { rows, fields, command, rowCount } = await client.query({ text: statement, rowMode: 'array' });
    const head = fields.map((field) => field.name);
    if (head.length > 0)
      console.log(textTable([head, ...(rows as unknown[][]).map((row) => row.map((value) => String(value ?? '')))]));
    console.log(fields.length > 0 ? `(${rows.length} rows)` : `${command} ${rowCount ?? ''}`.trim());
    return 0;
  } catch (error) {
    throw new Failure(`${database}: ${(error as Error).message}`);
  } finally {
    await client.end().catch(() => {});
  }
});
