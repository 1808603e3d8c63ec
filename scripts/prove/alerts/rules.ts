import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { checkout } from '../../run/checkout.mjs';

export interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
}

export const MONITORING = join(checkout, 'docs', 'monitoring');

/** The alerts, as Prometheus reads them. */
export const rulesText = () => readFileSync(join(MONITORING, 'alerts.yml'), 'utf8');

export const readRules = (): Rule[] =>
  (parse(rulesText()) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

/** The same rules for a test: a minute for which an expression has to hold (`for`) is a second, one of a window (`[5m]`) two. */
export const inSeconds = (rules: string): string =>
  rules
    .replace(/(?<=^ *for: )(\d+)m$/gm, '$1s')
    .replace(/(?<=\[)(\d+)m(?=\])/g, (_, minutes: string) => `${2 * Number(minutes)}s`);
