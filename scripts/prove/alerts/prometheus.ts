import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { anyFreePort } from '../../run/servers/ports.ts';
import { endProcess, waitFor } from '../../run/servers/process.ts';

/** Whether this computer has Prometheus with its tool: Debian's package has both. */
export const hasPrometheus = () => ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).status === 0);

export const NO_PROMETHEUS = 'there is no prometheus with its promtool. Debian has both: apt-get install prometheus';

interface Options {
  /** A folder of its own, for its files. */
  folder: string;
  /** Ports of metrics on 127.0.0.1, by job. */
  jobs: Record<string, string>;
  rules: string;
}

export interface Prometheus {
  /** The alerts that fire now. */
  firing(): Promise<string[]>;
  /** How many series an expression gives now. */
  count(expression: string): Promise<number>;
  /** How many it gave in the last minutes. */
  everCount(expression: string): Promise<number>;
  stop(): Promise<void>;
}

interface Series {
  result: unknown[];
}

/**
 * Prometheus itself, as a child of this process. It looks every two seconds: a health check may take one of them, and what is not
 * read within an interval counts as down.
 */
export async function startPrometheus({ folder, jobs, rules }: Options): Promise<Prometheus> {
  mkdirSync(folder, { recursive: true });
  const configuration = join(folder, 'prometheus.yml');
  writeFileSync(join(folder, 'alerts.yml'), rules);
  writeFileSync(
    configuration,
    stringify({
      global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
      rule_files: ['alerts.yml'],
      scrape_configs: Object.entries(jobs).map(([job_name, port]) => ({
        job_name,
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
      })),
    }),
  );
  const port = await anyFreePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const stop = () => endProcess(child.pid!, 'SIGTERM', 10_000);
  const url = `http://127.0.0.1:${port}`;
  if (!(await waitFor(20_000, () => isReady(url, child)))) {
    await stop();
    throw new Error(`Prometheus is not ready on port ${port} after 20 seconds: it says why above.`);
  }
  return {
    async firing() {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>(`${url}/api/v1/alerts`);
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
    },
    async count(query) {
      return (await ask<Series>(`${url}/api/v1/query?${new URLSearchParams({ query })}`)).result.length;
    },
    async everCount(query) {
      const now = Date.now() / 1000;
      const range = new URLSearchParams({ query, start: String(now - 300), end: String(now), step: '2' });
      return (await ask<Series>(`${url}/api/v1/query_range?${range}`)).result.length;
    },
    stop,
  };
}

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) return false;
  return fetch(`${url}/-/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function ask<T>(url: string): Promise<T> {
  const { status, data, error } = (await (await fetch(url)).json()) as { status: string; data: T; error?: string };
  if (status !== 'success') throw new Error(`Prometheus cannot answer ${url}: ${error}`);
  return data;
}
