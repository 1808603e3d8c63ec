import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from '../checkout.mjs';
import { Failure } from '../terminal/failure.mjs';
import { connect, type PostgresAddress } from './postgres/connection.ts';
import { privateHome } from './private-home.mjs';

const run = promisify(execFile);

/** The workspaces that own a database, and the prefix of its variables in `.env`. */
export const databases = [
  { app: 'inventory-app', prefix: 'MOVIES_DB' },
  { app: 'billing-app', prefix: 'ORDERS_DB' },
] as const;

/** Whether the database has every migration of the workspace. Much quicker to find out than to run Prisma. */
export async function isMigrated(server: PostgresAddress, app: string, database: string): Promise<boolean> {
  const client = await connect(server, database);
  try {
    const { rows } = await client.query<{ migration_name: string }>(
      'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
    );
    const applied = new Set(rows.map((row) => row.migration_name));
    const folders = readdirSync(join(checkout, app, 'prisma', 'migrations'), { withFileTypes: true });
    return folders.every((folder) => !folder.isDirectory() || applied.has(folder.name));
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return false; // no such table: nothing was ever migrated
    throw error;
  } finally {
    await client.end();
  }
}

/** `prisma migrate deploy`: applies what is not applied yet. `app` is a workspace, or any folder that looks like one. */
export async function migrate(app: string, environment: Record<string, string | undefined>, signal?: AbortSignal): Promise<void> {
  try {
    await prisma(app, ['migrate', 'deploy'], environment, signal);
  } catch (error) {
    throw new Failure(`The migrations of ${app} could not be applied:\n${(error as Error).message}`);
  }
}

/** Runs the Prisma CLI and gives its output. Rejects with what it said of the failure. */
export async function prisma(
  app: string,
  command: string[],
  environment: Record<string, string | undefined>,
  signal?: AbortSignal,
): Promise<string> {
  try {
    const program = join(checkout, 'node_modules', 'prisma', 'build', 'index.js');
    const { stdout } = await run(process.execPath, [program, ...command], {
      cwd: resolve(checkout, app),
      env: { ...process.env, ...environment, ...privateHome(), PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
      signal,
    });
    return stdout;
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    throw new Error((stderr || stdout || String(error)).trim(), { cause: error });
  }
}
