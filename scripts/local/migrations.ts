import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from './failure.ts';
import { checkout } from './home.ts';

const run = promisify(execFile);

/** The workspaces that own a database, and the prefix of its variables in `.env`. */
export const databases = [
  { app: 'inventory-app', prefix: 'MOVIES_DB' },
  { app: 'billing-app', prefix: 'ORDERS_DB' },
] as const;

/** `prisma migrate deploy`: applies what is not applied yet. */
export async function migrate(app: string, environment: Record<string, string | undefined>): Promise<void> {
  try {
    await run(process.execPath, [join(checkout, 'node_modules', 'prisma', 'build', 'index.js'), 'migrate', 'deploy'], {
      cwd: join(checkout, app),
      env: { ...process.env, ...environment, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    });
  } catch (error) {
    const { stderr, stdout } = error as { stderr?: string; stdout?: string };
    throw new Failure(`The migrations of ${app} could not be applied:\n${(stderr || stdout || String(error)).trim()}`);
  }
}
