import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { CommandLine } from './command-line.ts';
import { type Engine, panic, startEngine } from './engine.ts';
import { createDatabase, databaseName, migrationDatabase, noDatabase, userFacing } from './migration-database.ts';

interface Request {
  id: number;
  method?: string;
  params?: unknown;
}

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

/** Answers the CLI's requests, with an engine that starts at the first that needs it. */
export function createRpc({ datamodels, datasource }: CommandLine): (request: Request) => Promise<void> {
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

  let pending = 0;
  // A panic leaves its call unsettled and comes here; the engine is of no use after it.
  process.once('uncaughtException', (error) => {
    sendError(pending, 'The engine panicked.', { message: panic.message || error.message, meta: null });
    process.exitCode = 1;
  });

  return async ({ id, method, params }) => {
    if (!method) return; // the CLI's answer to our own "print"
    pending = id;
    try {
      send({ id, result: printed(id, method, (await call(method, params)) ?? {}) });
    } catch (thrown) {
      const error = cause(thrown, database);
      const { message, error_code } = userFacing(error, url);
      const meta = (error as { meta?: unknown })?.meta ?? null;
      sendError(id, 'An error happened. Check the data field for details.', { message, meta, error_code });
    }
  };
}

/** The engine names an error of ours by its number only. */
function cause(error: unknown, { errorRegistry }: ReturnType<typeof bindMigrationAwareSqlAdapterFactory>): unknown {
  const number = /External error id#(\d+)/.exec(String((error as Error)?.message))?.[1];
  return number ? (errorRegistry.consumeError(Number(number))?.error ?? error) : error;
}

/** The native engine has the CLI print a diff, and so the CLI ignores the one in the answer. */
function printed(id: number, method: string, result: { stdout?: string }): object {
  if (method !== 'diff' || !result.stdout) return result;
  send({ id: `print-${id}`, method: 'print', params: { content: result.stdout } });
  return { ...result, stdout: null };
}

function sendError(id: number, message: string, data: { message: string; meta: unknown; error_code?: string }): void {
  send({ id, error: { code: 4466, message, data: { is_panic: false, ...data } } });
}
