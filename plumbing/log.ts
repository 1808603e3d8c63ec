import { type Logger, pino } from 'pino';

export type { Logger };

/** One JSON object a line on standard output, where PM2 collects it. Written in batches: call `log.flush()` before exit. */
export function createLog(service: string, level: string): Logger {
  return pino(
    { base: { service }, level, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ dest: 1, sync: false, minLength: 4096, periodicFlush: 200 }),
  );
}
