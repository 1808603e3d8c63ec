import type { WriteStream } from 'node:tty';

/** Shows how far a long step is: a bar on a terminal, a line for every tenth in a log. */
export function createProgress(label: string, total: number, out: NodeJS.WritableStream & Partial<WriteStream>) {
  let shown = -1;
  return (done: number): void => {
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    if (out.isTTY) {
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
