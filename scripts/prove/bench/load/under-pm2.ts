import { setTimeout as sleep } from 'node:timers/promises';
import { appPids, deleteApp, startApp } from '../../../run/servers/pm2/apps.ts';
import { anyFreePort } from '../../../run/servers/ports.ts';
import { waitFor } from '../../../run/servers/process.ts';
import type { Environment } from '../../../run/stack/environment.ts';
import { Failure } from '../../../run/terminal/failure.mjs';
import { median } from '../../statistics.ts';
import type { Contender } from '../contender.ts';
import type { Product } from '../product.ts';
import { CONNECTIONS, type Plan } from '../rounds.ts';
import { purge } from './broker.ts';
import { type LoadResult, load } from './load.ts';
import { loadTurn } from './load-turn.ts';

/** The connections come in groups, so many milliseconds apart: those of one burst would all go to one process. */
const GROUPS = 10;
const PAUSE = 20;

/** A service as PM2 runs it, and what it is asked. */
export interface ManagedWork {
  name: string;
  unit?: string;
  workspace: string;
  app: string;
  /** The variables that hold its port and the number of its processes. */
  port: string;
  instances: string;
  request: (n: number) => Buffer;
  isReady: (port: number) => Promise<boolean>;
  own?: Environment;
  alongside?: Record<string, number>;
}

/** So many processes of a service, started anew by PM2 for the turn. */
export function underPm2({ home, environment }: Product, work: ManagedWork, count: number, plan: Plan): Contender {
  const { workspace, app, request, isReady, own, alongside } = work;
  const name = count === 1 ? '1 process' : `${count} processes`;
  return {
    name,
    role: 'ours',
    async turn() {
      const port = await anyFreePort();
      const variables = { ...environment, ...own, [work.port]: String(port), [work.instances]: String(count) };
      try {
        await startApp(home, workspace, variables);
        if (!(await waitFor(30_000, () => isReady(port).catch(() => false))))
          throw new Failure(`${app} was not ready after 30 seconds.`);
        return await loadTurn(appPids(home, app), (seconds) => inGroups(port, request, seconds), plan, alongside);
      } finally {
        await deleteApp(home, app);
        await purge(environment);
      }
    },
  };
}

async function inGroups(port: number, request: (n: number) => Buffer, seconds: number): Promise<LoadResult> {
  const until = performance.now() + seconds * 1000 + GROUPS * PAUSE;
  const groups: Promise<LoadResult>[] = [];
  for (let n = 0; n < GROUPS; n++) {
    groups.push(load({ port, request, connections: CONNECTIONS / GROUPS, seconds: (until - performance.now()) / 1000 }));
    await sleep(PAUSE);
  }
  const results = await Promise.all(groups);
  const sum = (of: (result: LoadResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    requests: sum(({ requests }) => requests),
    failed: sum(({ failed }) => failed),
    perSecond: sum(({ perSecond }) => perSecond),
    p50: median(results.map(({ p50 }) => p50)),
    p99: Math.max(...results.map(({ p99 }) => p99)),
  };
}
