import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { isAlive } from '../../run/servers/process.ts';

const COPIES = join(checkout, '.local', 'tour');
/** What the copy does not need, and what it shares: packages of npm, and of RabbitMQ where the system has none. */
const LEFT_OUT = ['.git', '.vagrant', '.local', 'node_modules'];
const SHARED = ['node_modules', join('.local', 'cache')];

/** As in a user's terminal: without what npm and Vitest have set, and without another stack's PM2. */
export const userEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_ENV$|VITEST|PM2_)/i.test(name)));

/** A checkout of its own, whose `npm start` starts a stack of its own. */
export function copyCheckout(): string {
  removeAbandoned();
  const copy = join(COPIES, String(process.pid));
  mkdirSync(join(copy, '.local'), { recursive: true });
  for (const name of readdirSync(checkout).filter((name) => !LEFT_OUT.includes(name)))
    cpSync(join(checkout, name), join(copy, name), { recursive: true });
  mkdirSync(join(checkout, '.local', 'cache'), { recursive: true });
  for (const name of SHARED) symlinkSync(join(checkout, name), join(copy, name));
  return copy;
}

/** Stops what runs in it, and deletes it. */
export function removeCopy(copy: string): void {
  if (existsSync(join(copy, 'package.json')))
    execFileSync('npm', ['stop'], { cwd: copy, env: userEnvironment(), stdio: 'ignore' });
  rmSync(copy, { recursive: true, force: true });
}

/** What runs that were killed left behind. */
function removeAbandoned(): void {
  mkdirSync(COPIES, { recursive: true });
  for (const pid of readdirSync(COPIES)) if (!isAlive(Number(pid))) removeCopy(join(COPIES, pid));
}
