import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';
import { endProcess, isAlive, waitFor } from '../../run/servers/process.ts';
import type { Environment } from '../../run/stack/environment.ts';
import { Failure } from '../../run/terminal/failure.mjs';
import type { Product } from './product.ts';

export const benchHome = join(checkout, '.local', 'bench');
export const peers = join(checkout, 'scripts/prove/bench/peers');

/** A process under test. */
export interface Running {
  pid: number;
  child: ChildProcess;
  stop(): Promise<void>;
}

/** A service of that checkout, as it ships: with the arguments for Node that PM2 gives it. */
export function startService({ name, checkout, environment }: Product, workspace: string, own: Environment = {}): Running {
  const args = [...nodeArguments(checkout, workspace), 'server.ts'];
  return run(`${workspace}-${name}`, process.execPath, args, join(checkout, workspace), { ...environment, ...own });
}

/** One of this folder's programs, which put a service together with one thing exchanged. */
export function startVariant(
  program: string,
  { checkout, environment }: Product,
  workspace: string,
  own: Environment = {},
): Running {
  const name = [program, ...(own.VARIANT ? [own.VARIANT] : [])].join('-');
  const args = [...nodeArguments(checkout, workspace), `${program}.ts`];
  return run(name, process.execPath, args, join(checkout, 'scripts/prove/bench'), { ...environment, ...own });
}

/** The arguments for Node that PM2 gives to that service. */
function nodeArguments(checkout: string, workspace: string): string[] {
  const description = join(checkout, workspace, 'ecosystem.config.cjs');
  const { apps } = createRequire(import.meta.url)(description) as { apps: [{ node_args?: string[] }] };
  return apps[0].node_args ?? [];
}

/** A program of the folder of peers, in production mode. */
export function startPeer(program: string, environment: Environment): Running {
  const name = [program, ...(environment.VARIANT ? [environment.VARIANT] : [])].join('-');
  return run(name, process.execPath, [`${program}.js`], peers, { NODE_ENV: 'production', ...environment });
}

export function run(name: string, command: string, args: string[], cwd: string, environment: Environment = {}): Running {
  const logs = join(benchHome, 'logs');
  mkdirSync(logs, { recursive: true });
  const log = openSync(join(logs, `${name.replace(/[^\w.-]/g, '-')}.log`), 'w');
  const child = spawn(command, args, { cwd, env: { ...process.env, ...environment }, stdio: ['ignore', log, log, 'ipc'] });
  closeSync(log);
  child.on('error', () => {}); // noticed by who waits for it
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return { pid: child.pid!, child, stop: () => endProcess(child.pid!, 'SIGTERM', 10_000) };
}

/** Waits until that process does what is asked of it. */
export async function untilReady(name: string, running: Running, check: () => Promise<boolean>): Promise<void> {
  const ready = await waitFor(30_000, async () => {
    if (!isAlive(running.pid)) throw new Failure(`${name} ended while it started: see .local/bench/logs.`);
    return check().catch(() => false);
  });
  if (!ready) throw new Failure(`${name} was not ready after 30 seconds: see .local/bench/logs.`);
}

export async function answers(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
  await answer.body?.cancel();
  return answer.ok;
}
