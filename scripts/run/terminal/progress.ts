import type { WriteStream } from 'node:tty';
import { canRedraw } from './redrawing.mjs';

/** Shows how far a long step is: a bar on a terminal, a line for every tenth in a log. */
export function createProgress(label: string, total: number, out: NodeJS.WritableStream & Partial<WriteStream>) {
  let shown = -1;
  return (done: number): void => {
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    if (canRedraw(out)) {
      if (percent === shown) return;
      shown = percent;
      const bar = '█'.repeat(Math.floor(percent / 4)).padEnd(25, '░');
      out.write(`\r${label} ${bar} ${done} of ${total}${done === total ? '\n' : ''}`);
    } else {
      const tenth = Math.floor(percent / 10);
      if (tenth === shown) return;
      shown = tenth;
      out.write(`${label} ${done} of ${total}\n`);
    }
  };
}

/** Says on standard error how far a work is that takes longer than a moment; on a terminal it leaves no trace. */
export function createCounter(what: string, total: number): { step(): void; end(): void } {
  const { stderr } = process;
  const redraws = canRedraw(stderr);
  let done = 0;
  let told = Date.now();
  let shown = false;
  return {
    step() {
      done++;
      if (done % 100 !== 0 || Date.now() - told < (redraws ? 200 : 1000)) return;
      told = Date.now();
      shown = true;
      stderr.write(redraws ? `\r${what} ${done} of ${total}` : `${what} ${done} of ${total}\n`);
    },
    end() {
      if (shown && redraws) stderr.write('\r\x1b[K');
    },
  };
}
