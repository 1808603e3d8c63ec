/**
 * Prisma's schema engine as a program, for PostgreSQL: speaks the native engine's command line and JSON-RPC,
 * and hands the work to the WebAssembly build of the same engine, which comes from npm and needs no download.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as wasm from '@prisma/schema-engine-wasm/schema_engine_bg';
import {
  checkConnection,
  createDatabase,
  databaseName,
  dropDatabase,
  migrationDatabase,
  noDatabase,
  userFacing,
} from './migration-database.ts';

interface CommandLine {
  datamodels: string[];
  datasource?: { url: string; shadowDatabaseUrl?: string };
  command?: string;
}

interface Request {
  id: number;
  method?: string;
  params?: unknown;
}

/** Node has it; the types of Node that this project uses do not. */
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
};

/** Where the engine leaves what it says when it panics. Without it, it would end without a reason. */
const panic = { message: '' };
Object.assign(globalThis, {
  PRISMA_WASM_PANIC_REGISTRY: {
    set_message: (message: string) => {
      panic.message = message;
    },
  },
});

type Engine = Record<string, (params: unknown) => Promise<unknown>>;

const packageFile = (name: string) => readFileSync(new URL(name, import.meta.resolve('@prisma/schema-engine-wasm')));

function readCommandLine(words: string[]): CommandLine {
  const line: CommandLine = { datamodels: [] };
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1] ?? '';
    if (words[at] === '--datamodels') line.datamodels.push(value);
    else if (words[at] === '--datasource') line.datasource = JSON.parse(value);
    else if (words[at] === 'cli') line.command = value;
    // All others (preview features, extension types) have a value too, and no meaning here.
  }
  return line;
}

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

async function startEngine(datamodels: string[], database: object): Promise<Engine> {
  // By hand, because the package's own entry imports the .wasm file as a module, which Node does not do.
  const { instance } = await WebAssembly.instantiate(packageFile('./schema_engine_bg.wasm'), {
    './schema_engine_bg.js': wasm,
  });
  const glue = wasm as typeof wasm & { __wbg_set_wasm(exports: object): void };
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();

  const files = datamodels.map((path): [string, string] => [path, readFileSync(path, 'utf8')]);
  const engine = await wasm.SchemaEngine.new(
    { datamodels: files.length > 0 ? files : undefined },
    () => {}, // its log: every failure reaches the CLI as an answer
    database,
  );
  return engine as unknown as Engine;
}

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

function createRpc({ datamodels, datasource }: CommandLine): (request: Request) => Promise<void> {
  const url = datasource?.url;
  const database = bindMigrationAwareSqlAdapterFactory(url ? migrationDatabase(url, datasource.shadowDatabaseUrl) : noDatabase());
  let engine: Promise<Engine> | undefined;

  const call = async (method: string, params: unknown): Promise<unknown> => {
    if (method === 'createDatabase' && url) {
      await createDatabase(url);
      return { databaseName: databaseName(url) };
    }
    engine ??= startEngine(datamodels, database);
    const methods = await engine;
    const name = method === 'getDatabaseVersion' ? 'version' : method;
    if (typeof methods[name] !== 'function') throw new Error(`The method ${method} needs Prisma's native engine.`);
    return methods[name](params);
  };

  /** The engine names an error of ours by its number only. */
  const cause = (error: unknown): unknown => {
    const number = /External error id#(\d+)/.exec(String((error as Error)?.message))?.[1];
    if (number) return database.errorRegistry.consumeError(Number(number))?.error ?? error;
    return error;
  };

  let pending = 0;
  // A panic leaves its call unsettled and comes here; the engine is of no use after it.
  process.once('uncaughtException', (error) => {
    const data = { is_panic: false, message: panic.message || error.message, meta: null };
    send({ id: pending, error: { code: 4466, message: 'The engine panicked.', data } });
    process.exitCode = 1;
  });

  return async ({ id, method, params }) => {
    if (!method) return; // the CLI's answer to our own "print"
    pending = id;
    try {
      let result = (await call(method, params)) ?? {};
      const { stdout } = result as { stdout?: string };
      if (method === 'diff' && stdout) {
        // The native engine has the CLI print a diff, and so the CLI ignores the one in the answer.
        send({ id: `print-${id}`, method: 'print', params: { content: stdout } });
        result = { ...result, stdout: null };
      }
      send({ id, result });
    } catch (thrown) {
      const error = cause(thrown);
      const { message, error_code } = userFacing(error, url);
      const data = { is_panic: false, message, meta: (error as { meta?: unknown })?.meta ?? null, error_code };
      send({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } });
    }
  };
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
