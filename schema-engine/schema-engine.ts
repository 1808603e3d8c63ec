/**
 * Prisma's schema engine as a program, for PostgreSQL: speaks the native engine's command line and JSON-RPC,
 * and hands the work to the WebAssembly build of the same engine, which comes from npm and needs no download.
 */
import { createInterface } from 'node:readline';
import { readCommandLine } from './command-line.ts';
import { packageFile } from './engine.ts';
import { checkConnection, createDatabase, dropDatabase, userFacing } from './migration-database.ts';
import { createRpc } from './rpc.ts';

async function runCommand(command: string, url: string): Promise<void> {
  switch (command) {
    case 'can-connect-to-database':
      return checkConnection(url);
    case 'create-database':
      return createDatabase(url).catch((error) => {
        if (!['42P04', '23505'].includes(error.code)) throw error; // somebody else was faster: it exists now
      });
    case 'drop-database':
      return dropDatabase(url);
    default:
      throw new Error(`The command ${command} is not known.`);
  }
}

async function main(words: string[]): Promise<void> {
  if (words[0] === '--version') {
    const { version } = JSON.parse(packageFile('./package.json').toString());
    process.stdout.write(`schema-engine-cli ${version.split('.').at(-1)}\n`);
    return;
  }
  const line = readCommandLine(words);
  if (line.command) {
    const url = line.datasource?.url ?? '';
    try {
      await runCommand(line.command, url);
    } catch (error) {
      // The CLI skips the first line of stderr and parses every other one.
      const fields = userFacing(error, url);
      process.stderr.write(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}`);
      process.exitCode = 1;
    }
    return;
  }
  const answer = createRpc(line);
  for await (const text of createInterface({ input: process.stdin })) {
    if (text.trim()) await answer(JSON.parse(text)); // one after the other: they share a connection
  }
  process.exit(0); // not before the end of stdin, and not held open by the engine's idle connection
}

await main(process.argv.slice(2));
