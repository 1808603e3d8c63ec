export interface Report {
  /** Shows a step while it runs, and what came of it. */
  step<T>(name: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  note(text: string): void;
}

/** Steps on the terminal: a line each, with what came of it and how long it took. On a terminal they show while they run. */
export function createReport(output: NodeJS.WriteStream = process.stdout): Report {
  const running = new Map<string, { detail: string; since: number }>();
  let drawn = 0;

  const seconds = (since: number) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
  const line = (mark: string, name: string, detail: string, time: string) =>
    `${mark} ${name.padEnd(14)} ${detail.padEnd(18)} ${time}\n`;
  const erase = () => {
    if (drawn > 0) output.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    if (!output.isTTY) return;
    erase();
    for (const [name, { detail, since }] of running) {
      output.write(
        `${line('…', name, detail, seconds(since))
          .slice(0, (output.columns ?? 80) - 1)
          .trimEnd()}\n`,
      );
      drawn++;
    }
  };
  const say = (text: string) => {
    erase();
    output.write(text);
    draw();
  };

  return {
    async step(name, work) {
      const state = { detail: '', since: Date.now() };
      running.set(name, state);
      const ticking = setInterval(draw, 200).unref();
      let told = state.since;
      const detail = (text: string) => {
        state.detail = text;
        // Where nothing can be redrawn, a long step says now and then where it is.
        if (!output.isTTY && Date.now() - told > 2000) {
          told = Date.now();
          output.write(line('…', name, text, seconds(state.since)));
        }
      };
      try {
        const result = await work(detail);
        running.delete(name);
        say(line('✓', name, state.detail, seconds(state.since)));
        return result;
      } catch (error) {
        running.delete(name);
        say(line('✗', name, state.detail, seconds(state.since)));
        throw error;
      } finally {
        clearInterval(ticking);
      }
    },
    note(text) {
      say(`${text}\n`);
    },
  };
}
