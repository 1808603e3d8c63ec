import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MONITORING } from './rules.ts';

export interface Panel {
  title: string;
  /** As Prometheus gets them: Grafana fills in the window of rates. */
  expressions: string[];
}

interface Target {
  expr: string;
}

export const dashboardText = () => readFileSync(join(MONITORING, 'grafana-dashboard.json'), 'utf8');

/** The panels of the dashboard, without its rows. */
export const readPanels = (): Panel[] =>
  (JSON.parse(dashboardText()).panels as { type: string; title: string; targets: Target[] }[])
    .filter(({ type }) => type !== 'row')
    .map(({ title, targets }) => ({ title, expressions: targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')) }));
