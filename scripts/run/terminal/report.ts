import { canRedraw } from './redrawing.mjs';

export interface Report {
  /** Shows a step while it runs, and what came of it. */
  step<T>(name: string, work: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  note(text: string): void;
}

interface Step {
  name: string;
  detail: string;
  since: number;
}

/** For work that is a part of another step. */
export const SILENT: Report = { step: (_name, work) => work(() => {}), note: () => {} };

/** Steps on the terminal: a line each, with what came of it and how long it took. On a terminal they show while they run. */
export function createReport(output: NodeJS.WriteStream = process.stdout): Report {
  const screen = createScreen(output);
  return {
    async step(name, work) {
      const step: Step = { name, detail: '', since: Date.now() };
      const end = screen.show(step);
      let told = step.since;
      const detail = (text: string) => {
        step.detail = text;
        // Where nothing can be redrawn, a long step says now and then where it is.
        if (!canRedraw(output) && Date.now() - told > 2000) {
          told = Date.now();
          output.write(`${line('…', step)}\n`);
        }
      };
      try {
        const result = await work(detail);
        end('✓');
        return result;
      } catch (error) {
        end('✗');
        throw error;
      }
    },
    note: screen.say,
  };
}

/** Lines that stay, and below them, on a terminal only, the running steps, which are drawn again and again. */
function createScreen(output: NodeJS.WriteStream) {
  const running = new Set<Step>();
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) output.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    if (!canRedraw(output)) return;
    erase();
    const width = (output.columns ?? 80) - 1;
    for (const step of running) output.write(`${line('…', step).slice(0, width).trimEnd()}\n`);
    drawn = running.size;
  };
  const say = (text: string) => {
    erase();
    output.write(`${text}\n`);
    draw();
  };
  /** Gives what ends the step, with the mark of what came of it. */
  const show = (step: Step) => {
    running.add(step);
    const ticking = setInterval(draw, 200).unref();
    return (mark: string) => {
      clearInterval(ticking);
      running.delete(step);
      say(line(mark, step));
    };
  };
  return { say, show };
}

const line = (mark: string, { name, detail, since }: Step) =>
  `${mark} ${name.padEnd(14)} ${detail.padEnd(18)} ${((Date.now() - since) / 1000).toFixed(1)} s`;
