import cluster from 'node:cluster';
import { flushCompileCache } from 'node:module';
import { ConfigurationError } from './environment.ts';
import { createLog, type Logger } from './log.ts';
import { standardError } from './output.ts';
import { startWatchdog } from './watchdog.ts';

export interface Service {
  log: Logger;
  /** What it has been at for longer than that can take, so that only a new process helps; else nothing. */
  stuck?(): string | undefined;
  /** Finishes what is in hand and lets go of every connection. */
  close(): Promise<void>;
}

/** Milliseconds between two questions whether a service is stuck. */
const LOOK = 5000;

/** After this many milliseconds a stop is forced. Below PM2's `kill_timeout`, so that the reason still reaches the log. */
const STOP_DEADLINE = 25_000;

/**
 * The life of a service process: start, tell PM2, wait for a signal, stop gracefully.
 * A start that fails ends in one sentence and status 1; so does an error nobody handled, after it is logged.
 */
export async function runService(name: string, start: () => Promise<Service>): Promise<void> {
  const failStart = (error: unknown) => fail(name, error);
  // Also of what fails on its own meanwhile: a worker of PM2's cluster mode would outlive a rejection.
  process.once('uncaughtException', failStart).once('unhandledRejection', failStart);
  const service = await start().catch(failStart);
  process.off('uncaughtException', failStart).off('unhandledRejection', failStart);
  const { log } = service;

  let stopping = false;
  const stop = async (reason: string, status: number) => {
    if (stopping) return;
    stopping = true;
    log.info({ reason }, 'stopping');
    setTimeout(() => {
      log.fatal({ after_ms: STOP_DEADLINE }, 'not stopped in time, leaving');
      process.exit(1);
    }, STOP_DEADLINE).unref();
    try {
      await service.close();
      log.info('stopped');
      process.exit(status);
    } catch (error) {
      log.fatal({ err: error }, 'could not stop cleanly');
      process.exit(1);
    }
  };
  process.on('SIGINT', () => stop('SIGINT', 0));
  process.on('SIGTERM', () => stop('SIGTERM', 0));
  // PM2 itself has died: who stays behind would hold the port against the one that PM2 starts next.
  process.on('disconnect', () => stop('the process manager is gone', 0));
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true; // else Node ends a worker then, without a stop
  const unhandled = (what: string) => (error: unknown) => {
    log.fatal({ err: error }, `unhandled ${what}`);
    stop(`unhandled ${what}`, 1);
  };
  process.on('uncaughtException', unhandled('error')).on('unhandledRejection', unhandled('rejection'));
  const look = () => {
    const reason = service.stuck?.();
    if (reason === undefined || stopping) return;
    log.fatal({ reason }, 'alive, but not working');
    stop(reason, 1);
  };
  setInterval(look, LOOK).unref();
  if (process.env.pm_id !== undefined) startWatchdog(name, log); // under PM2, which starts anew what was killed
  flushCompileCache(); // else it is written at the end only, and a killed process has none
  globalThis.gc?.({ type: 'major', flavor: 'last-resort', execution: 'sync' }); // what only the start needed: 25 MB
  log.info('ready');
  process.send?.('ready'); // PM2's wait_ready
}

function fail(name: string, error: unknown): never {
  if (error instanceof ConfigurationError) {
    standardError.write(`${name}: ${error.message}\n`);
    process.exit(1);
  }
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    standardError.write(
      `${name}: port ${port} of ${address} is taken. Stop what listens there, or choose another port in .env.\n`,
    );
    process.exit(1);
  }
  if (code === 'EACCES' && port !== undefined) {
    standardError.write(
      `${name}: this user may not listen on port ${port} of ${address}, as on any below 1024. Choose another port in .env.\n`,
    );
    process.exit(1);
  }
  if (code === 'EADDRNOTAVAIL') {
    standardError.write(
      `${name}: ${address} is not an address of this computer. The values of .env are the virtual machines'; npm start, in the folder above, runs everything on this computer.\n`,
    );
    process.exit(1);
  }
  const log = createLog(name, 'info');
  log.fatal({ err: error }, 'could not start');
  process.exit(1);
}
