// npm run migrate -- inventory-app|billing-app --name INTENT: makes the change of schema.prisma a migration, and applies it
// npm run migrate -- status: whether the databases of the stack are what the migrations say
import { join } from 'node:path';
import { checkout } from '../checkout.mjs';
import { withLock } from '../servers/lock.mjs';
import { databases } from '../servers/migrations.ts';
import { findPostgres } from '../servers/postgres/postgres.ts';
import { savedEnvironment } from '../stack/environment.ts';
import { localHome } from '../stack/home.ts';
import { changeSchema, migrationStatus, type Target } from '../stack/schema-change.ts';
import { runCommand } from '../terminal/command.ts';
import { Failure } from '../terminal/failure.mjs';

const USAGE = `Usage: npm run migrate -- ${databases.map(({ app }) => app).join('|')} --name intent-of-the-change, or: npm run migrate -- status`;

await runCommand(async () => {
  const [what, option, name] = process.argv.slice(2);
  const chosen = databases.find(({ app }) => app === what);
  if (what !== 'status' && !(chosen && option === '--name' && name && /^[a-z0-9][\w-]{0,60}$/i.test(name)))
    throw new Failure(USAGE);
  const home = localHome();
  const environment = savedEnvironment(home);
  const server = findPostgres(home);
  if (!environment || !server) throw new Failure('The local stack does not run: npm start starts it.');

  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  const targetOf = ({ app, prefix }: (typeof databases)[number]): Target => {
    return { folder: join(checkout, app), prefix, server, environment, signal: stop.signal };
  };
  try {
    return await withLock(join(home, 'migrate.lock'), async () => {
      if (!chosen) {
        for (const one of databases) console.log(await migrationStatus(targetOf(one)));
        return 0;
      }
      const { migration, sql } = await changeSchema(targetOf(chosen), name!);
      console.log(`${sql.trim()}\n\n${migration} is written and applied, and the client is generated.`);
      return 0;
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new Failure('Interrupted: npm run migrate -- status says what is applied.');
  }
});
