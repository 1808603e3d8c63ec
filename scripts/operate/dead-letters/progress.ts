/** Says on standard error how far a long work is: on a terminal, or every few seconds where nobody watches. */
export function createProgress(what: string, total: number): { step(): void; end(): void } {
  const { stderr } = process;
  let done = 0;
  let told = Date.now();
  let shown = false;
  return {
    step() {
      done++;
      if (done % 100 !== 0 || Date.now() - told < (stderr.isTTY ? 200 : 1000)) return;
      told = Date.now();
      shown = true;
      stderr.write(stderr.isTTY ? `\r${what} ${done} of ${total}` : `${what} ${done} of ${total}\n`);
    },
    end() {
      if (shown && stderr.isTTY) stderr.write('\r\x1b[K');
    },
  };
}
