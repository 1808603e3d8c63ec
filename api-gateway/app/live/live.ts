import type { Health } from '@crud-master/plumbing/health';
import type { Logger } from '@crud-master/plumbing/log';
import type { BrokerLink } from '../broker.ts';
import type { Config } from '../config.ts';
import { Feed } from './feed.ts';
import { QueueWatch } from './queue-watch.ts';
import { Sampler } from './state.ts';
import { Traffic } from './traffic.ts';

interface Parts {
  health: Health;
  link: Pick<BrokerLink, 'connection'>;
  log: Logger;
  config: Pick<Config, 'broker' | 'instances' | 'livePage'>;
}

/** What the live page shows, and what counts for it. */
export function createLive({ health, link, log, config }: Parts): { traffic: Traffic; feed: Feed } {
  const traffic = new Traffic();
  const sampler = new Sampler({
    health,
    traffic,
    queues: new QueueWatch(() => link.connection),
    billingQueue: config.broker.queue,
    deadLetterQueue: config.broker.deadLetterQueue,
    instances: config.instances,
  });
  return { traffic, feed: new Feed(sampler, traffic, log, config.livePage === 'off') };
}
