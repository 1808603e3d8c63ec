import { type Logger, pino } from 'pino';

export type { Logger };

/** Characters after which what was logged is written at once. */
const BATCH = 16_384;

/** Milliseconds after which it is written in any case. */
const DELAY = 200;

/** One JSON object a line on standard output, where PM2 collects it. Written in batches: call `log.flush()` before exit. */
export function createLog(service: string, level: string): Logger {
  return pino(
    { base: { service }, level, timestamp: isoTime, formatters: { level: (label) => ({ level: label }) } },
    batched(pino.destination({ dest: 1, sync: false })),
  );
}

let lastTime = 0;
let lastText = '';

/** The time in ISO 8601 as a member for pino's line: written once for all lines of the same millisecond. */
function isoTime(): string {
  const now = Date.now();
  if (now !== lastTime) {
    lastTime = now;
    lastText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastText;
}

/**
 * Gathers lines before the destination does: it counts the bytes of all that waits with every line, which costs more
 * than the line.
 */
function batched(destination: ReturnType<typeof pino.destination>) {
  let waiting = '';
  let timer: NodeJS.Timeout | undefined;
  const hand = () => {
    clearTimeout(timer);
    timer = undefined;
    const lines = waiting;
    waiting = '';
    if (lines) destination.write(lines);
  };
  return {
    write(line: string) {
      waiting += line;
      if (waiting.length >= BATCH) hand();
      else timer ??= setTimeout(hand, DELAY).unref();
    },
    flush(done: (error?: Error) => void) {
      hand();
      destination.flush(done);
    },
  };
}
