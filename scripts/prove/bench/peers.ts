import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../run/terminal/failure.mjs';
import { peers } from './processes.ts';

/** Installs what the product is measured against, when it is not there yet. */
export function installPeers(say: (text: string) => void): void {
  const lock = readFileSync(join(peers, 'package-lock.json'), 'utf8');
  const stamp = join(peers, 'node_modules', '.installed-lock.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('Installing the peers (once)');
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [command, ...args] = [...npm, 'ci', '--loglevel=error'];
  const { status } = spawnSync(command!, args, { cwd: peers, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Failure('The peers could not be installed: npm says above why.');
  writeFileSync(stamp, lock);
}
