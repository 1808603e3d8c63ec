import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from './log.ts';

/** Seconds without a sign of life after which the process is killed. */
const LIMIT = 60;

/** Milliseconds between two signs of life. */
const BEAT = 5000;

const SCRIPT = fileURLToPath(new URL('watchdog.sh', import.meta.url));

/**
 * Has this process killed when it gives no sign of life for a minute, frozen or in an endless loop, which it cannot notice itself
 * and which a process manager shows as online: PM2 starts it anew. By a shell of some 3 MB, because a thread of Node takes 11.
 */
export async function startWatchdog(service: string, log: Logger, limit = LIMIT, beat = BEAT): Promise<void> {
  const child = spawn('bash', [SCRIPT, String(limit), String(process.pid), service, process.env.pm_out_log_path ?? ''], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'nothing watches whether this process works');
    return;
  }
  const { stdin } = child;
  stdin.on('error', () => {}); // it was killed: nothing watches any more
  const beating = setInterval(() => stdin.write('\n'), beat).unref();
  child.on('exit', () => clearInterval(beating)).unref();
  (stdin as typeof stdin & { unref(): void }).unref();
}
