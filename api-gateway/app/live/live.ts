import { join } from 'node:path';
import type { Health } from '@crud-master/plumbing/health';
import type { Logger } from '@crud-master/plumbing/log';
import type { StatusAddress } from '@crud-master/plumbing/status-server';
import type { BrokerLinks } from '../broker-links.ts';
import type { Config } from '../config.ts';
import { BillingReports } from './billing-reports.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import { Feed } from './feed.ts';
import { Recorder } from './history.ts';
import { processesFrom } from './processes.ts';
import { QueueWatch } from './queue-watch.ts';
import { Siblings } from './siblings.ts';
import { Sampler } from './state.ts';
import { Traffic } from './traffic.ts';

interface Parts {
  health: Health;
  links: Pick<BrokerLinks, 'connection' | 'nodes'>;
  log: Logger;
  config: Pick<Config, 'broker' | 'nodes' | 'instances' | 'livePage' | 'status' | 'billing'>;
}

export interface Live {
  traffic: Traffic;
  feed: Feed;
  /** Whether there are several nodes to tell of. */
  hasNodes: boolean;
  billing: BillingReports;
  /** What this process tells the others of this gateway, on its port of its own. */
  tell(path: string): object | undefined;
}

/** What the live page shows, and what counts for it. */
export function createLive({ health, links, log, config }: Parts): Live {
  const { livePage } = config;
  const traffic = new Traffic();
  const billing = new BillingReports(processesFrom(config.billing.first, config.billing.instances));
  const number = Number(process.env.NODE_APP_INSTANCE ?? 0);
  const siblings = new Siblings(othersOf(config.status, number, config.instances));
  const file =
    livePage.history && livePage.audience !== 'off' ? join(livePage.history, `live-history-${number}.jsonl`) : undefined;
  const recorder = new Recorder(traffic, file, log);
  const sampler = new Sampler({
    health,
    traffic,
    siblings,
    billing,
    nodes: new ClusterNodes(config.nodes, links),
    tellsReasons: livePage.audience === 'local',
    queues: new QueueWatch(() => links.connection),
    billingQueue: config.broker.queue,
    deadLetterQueue: config.broker.deadLetterQueue,
    instances: config.instances,
  });
  const feed = new Feed(sampler, recorder, siblings, log, livePage.audience === 'off');
  const told: Record<string, () => object> = {
    '/traffic': () => traffic.portion(),
    '/history': () => recorder.history(),
    '/day': () => recorder.day(),
  };
  return { traffic, feed, billing, hasNodes: config.nodes.length > 0, tell: (path) => told[path]?.() };
}

/** On this computer, whatever address they listen on. */
function othersOf(own: StatusAddress | undefined, number: number, instances: number): StatusAddress[] {
  if (!own) return [];
  const host = own.host === '0.0.0.0' ? '127.0.0.1' : own.host;
  return processesFrom({ host, port: own.port - number }, instances).filter(({ port }) => port !== own.port);
}
