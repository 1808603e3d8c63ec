import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../../run/checkout.mjs';

/** A block of docs/tour.md. */
export interface Step {
  /** Commands to run, what the terminal says then, or what the live page says. */
  kind: 'sh' | 'text' | 'page';
  /** Commands that change nothing, to be run until they show what follows. */
  again: boolean;
  text: string;
}

export interface Experiment {
  title: string;
  steps: Step[];
  /** All of its text. */
  prose: string;
}

/** What comes before the experiments, and the experiments: the sections with a number. */
export function readTour(markdown = readFileSync(join(checkout, 'docs', 'tour.md'), 'utf8')) {
  const sections = markdown.split(/^## /m).map((prose) => ({ title: prose.split('\n')[0]!, steps: stepsIn(prose), prose }));
  const isExperiment = ({ title }: Experiment) => /^\d+\. /.test(title);
  return {
    preparation: sections.slice(0, sections.findIndex(isExperiment)).flatMap(({ steps }) => steps),
    experiments: sections.filter(isExperiment),
  };
}

const stepsIn = (section: string): Step[] =>
  [...section.matchAll(/^```(sh|text|page)( again)?\n(.*?)^```$/gms)].map(([, kind, again, text]) => ({
    kind: kind as Step['kind'],
    again: again !== undefined,
    text: text!.trimEnd(),
  }));

/** What shows the promised lines, one after the other. `…` is any text of a line, or any lines where it stands alone. */
export function promise(lines: string): RegExp {
  const pattern = lines.split('\n').map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(literal).join('.*')}\n`));
  return new RegExp(`^${pattern.join('')}`, 'm');
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
