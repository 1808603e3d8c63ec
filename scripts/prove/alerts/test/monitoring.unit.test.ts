import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Health } from '@crud-master/plumbing/health';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { Traffic } from '../../../../api-gateway/app/live/traffic.ts';
import { gatewayMetrics } from '../../../../api-gateway/app/metrics.ts';
import { Activity } from '../../../../billing-app/app/activity.ts';
import { billingMetrics } from '../../../../billing-app/app/metrics.ts';
import { inventoryMetrics } from '../../../../inventory-app/app/metrics.ts';
import { Exposition } from '../../../../plumbing/exposition.ts';
import { checkout } from '../../../run/checkout.mjs';
import { dashboardText, readPanels } from '../dashboard.ts';
import { hasPrometheus, NO_PROMETHEUS } from '../prometheus.ts';
import { inSeconds, MONITORING, readRules, rulesText } from '../rules.ts';

if (!hasPrometheus()) console.log(`The alerts and the dashboard are not checked by promtool: ${NO_PROMETHEUS}`);

const rules = readRules();
const alerts = rules.map(({ alert }) => alert);
const read = (file: string) => readFileSync(join(checkout, file), 'utf8');

describe.skipIf(!hasPrometheus())('promtool', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'monitoring-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What it has against it, or nothing. */
  function complaints(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: MONITORING, encoding: 'utf8' });
    return status === 0 ? '' : stdout + stderr || `status ${status}`;
  }
  const complaintsAbout = (text: string) => {
    const file = join(folder, 'rules.yml');
    writeFileSync(file, text);
    return complaints('check', 'rules', file);
  };

  test('takes the alerts, and the configuration that names them', () => {
    expect(complaints('check', 'rules', 'alerts.yml')).toBe('');
    expect(complaints('check', 'config', 'prometheus.yml')).toBe('');
  });

  test('sees each alert fire when it should, and stay silent when it should', () => {
    expect(complaints('test', 'rules', 'alerts.test.yml')).toBe('');
  });

  test('takes the alerts in seconds, which differ in nothing but their times', () => {
    const shortened = inSeconds(rulesText());
    expect(complaintsAbout(shortened)).toBe('');
    expect(shortened).not.toMatch(/\d+m\b/);
    expect(shortened.replace(/\d+[ms]\b/g, '')).toBe(rulesText().replace(/\d+[ms]\b/g, ''));
  });

  test('takes each expression of the dashboard', () => {
    const recorded = readPanels()
      .flatMap(({ expressions }) => expressions)
      .map((expr, n) => ({ record: `panel:${n}`, expr }));
    expect(recorded.length).toBeGreaterThan(20);
    const asRules = (rules: object[]) => stringify({ groups: [{ name: 'dashboard', rules }] });
    expect(complaintsAbout(asRules(recorded))).toBe('');
    expect(complaintsAbout(asRules([{ record: 'panel:0', expr: 'sum(rate(x[1m])' }]))).toContain('parse error'); // it would notice
  });
});

describe('Alerts', () => {
  const tests = (parse(read('docs/monitoring/alerts.test.yml')) as { tests: { name: string }[] }).tests.map(({ name }) => name);

  test.each(alerts)('%s has a case in which it fires and one in which it stays silent', (alert) => {
    expect(tests.some((name) => name.startsWith(`${alert} fires `))).toBe(true);
    expect(tests.some((name) => name.startsWith(`${alert} stays silent `))).toBe(true);
  });

  test.each(rules)('$alert says how bad it is and what it means', ({ labels, annotations }) => {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/^[A-Z][^{}]+\.$/);
  });

  test.each(rules)('$alert leads to the heading of the page on reliability that names it', ({ alert, annotations }) => {
    const [file, heading] = annotations.runbook.split('#');
    expect(file).toBe('../reliability.md');
    expect(sections().find(({ anchor }) => anchor === heading)?.alerts).toContain(alert);
  });

  test('that the page on reliability names are all that there are', () => {
    expect(new Set(sections().flatMap(({ alerts }) => alerts))).toEqual(new Set(alerts));
  });

  test('are all told in the page on observability, with how bad they are', () => {
    const told = [...read('docs/observability.md').matchAll(/^\| \[`(\w+)`\]\(([^)]+)\) \| (\w+) \|/gm)];
    expect(told.map(([, alert, link, severity]) => ({ alert, link, severity }))).toEqual(
      rules.map(({ alert, labels, annotations }) => ({
        alert,
        link: annotations.runbook.replace('../', ''),
        severity: labels.severity,
      })),
    );
  });
});

describe('The dashboard', () => {
  test('asks for the Prometheus of whoever imports it, and has no id of its own', () => {
    const dashboard = JSON.parse(dashboardText());
    expect(dashboard.uid).toBeUndefined();
    const uids = [...dashboardText().matchAll(/"uid": *"([^"]*)"/g)].map(([, uid]) => uid);
    expect(new Set(uids)).toEqual(new Set([`\${${dashboard.templating.list[0].name}}`]));
    expect(dashboard.templating.list[0]).toMatchObject({ type: 'datasource', query: 'prometheus' });
  });

  test('has panels that do not overlap, each with a number of its own', () => {
    const { panels } = JSON.parse(dashboardText()) as {
      panels: { id: number; gridPos: Record<'x' | 'y' | 'w' | 'h', number> }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
  });
});

describe('Every metric', () => {
  test.each([
    ['the alerts', rules.map(({ expr }) => expr)],
    [
      'the cases of the alerts',
      [...read('docs/monitoring/alerts.test.yml').matchAll(/series: '([^']+)'/g)].map(([, name]) => name!),
    ],
    ['the dashboard', readPanels().flatMap(({ expressions }) => expressions)],
  ])('that %s ask for is given by a service', (_, expressions) => {
    const given = new Set(['up', ...registered().flatMap(seriesOf)]);
    const asked = new Set(expressions.flatMap(namesIn));
    expect(asked.size).toBeGreaterThan(10);
    expect([...asked].filter((name) => !given.has(name))).toEqual([]);
  });

  test('of the services themselves is told in the page on observability, and no other', () => {
    const own = /^(service|http_server|traces|gateway|orders|dead_letters|inventory|billing)_/;
    const names = registered().map(({ name }) => name);
    const given = new Set(names.filter((name) => own.test(name)));
    const told = [...read('docs/observability.md').matchAll(/^\| `(\w+)/gm)].map(([, name]) => name!);
    expect(told.filter((name) => own.test(name)).sort()).toEqual([...given].sort());
  });
});

/** What the services register, without a broker or a database behind. */
function registered(): { name: string; type: string }[] {
  const add = vi.spyOn(Exposition.prototype, 'add');
  const health = new Health([]);
  const spans = { dropped: () => 0 };
  const unasked = () => Promise.reject(new Error('nobody reads these metrics'));
  gatewayMetrics(health, { obstacle: undefined }, new Traffic(), unasked, spans);
  inventoryMetrics(health, { usage: () => ({ busy: 0, idle: 0, waiting: 0 }) }, spans);
  billingMetrics(health, new Activity(), spans);
  const families = add.mock.calls.map(([family]) => family);
  add.mockRestore();
  return families;
}

const seriesOf = ({ name, type }: { name: string; type: string }) =>
  type === 'histogram' ? ['bucket', 'sum', 'count'].map((part) => `${name}_${part}`) : [name];

/** What is no label, no function and no word of PromQL: metrics have an underscore, functions a bracket behind. */
const namesIn = (expression: string) =>
  expression.replace(/\{[^}]*\}|"[^"]*"|\b(?:by|on|without) \([^)]*\)/g, '').match(/\b[a-z]+(?:_[a-z0-9]+)+\b(?! *\()|\bup\b/g) ??
  [];

/** The headings of the page on reliability, as a forge's anchors, with the alerts that stand there. */
const sections = () =>
  read('docs/reliability.md')
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      anchor: section
        .slice(0, section.indexOf('\n'))
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
      alerts: [...section.matchAll(/^- \*\*Alert\*\*: (.*)$/gm)].flatMap(([, list]) => list!.match(/\w+/g)!),
    }));
