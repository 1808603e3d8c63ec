import type { Health, PartState } from '@crud-master/plumbing/health';
import type { QueueCount, QueueWatch } from './queue-watch.ts';
import type { Summary, Traffic } from './traffic.ts';

/** What everybody who looks gets to see: no address, no name of a user, no version. */
export interface LiveState {
  /** When it was looked, in UTC. */
  at: string;
  /** The last whole second, of which the flows are: a number that goes up by one. */
  second: number;
  parts: Record<'gateway' | 'inventory' | 'movies_db' | 'broker' | 'billing', PartState>;
  films: Summary;
  orders: Summary;
  /** Requests that were refused since the start, by kind of problem, or by status where inventory refused. */
  refusals: Record<string, number>;
  queue: QueueCount | null;
  deadLetters: number | null;
  /** Seconds that the oldest order in the queue has waited at least; null where it is not known. */
  oldestWait: number | null;
  /** Which of how many gateway processes this is: flows are its own. */
  instance: { number: number; of: number };
}

export interface Sources {
  health: Health;
  queues: QueueWatch;
  traffic: Traffic;
  billingQueue: string;
  deadLetterQueue: string;
  instances: number;
}

/** Milliseconds that the broker may take to say how long its queues are. */
const PATIENCE = 700;

/** Looks at everything once, and never for longer than health checks and the broker may take: about a second. */
export class Sampler {
  readonly #sources: Sources;
  readonly #since = new Map<string, PartState>();
  /** Since when the queue has not been empty. */
  #filledSince: number | undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  async look(): Promise<LiveState> {
    const { health, queues, traffic, billingQueue, deadLetterQueue, instances } = this.#sources;
    const [report, queue, dead] = await Promise.all([
      health.ready(),
      within(queues.count(billingQueue)),
      within(queues.count(deadLetterQueue)),
    ]);
    const { inventory, broker } = report.parts as Record<'inventory' | 'broker', PartState>;
    return {
      at: new Date().toISOString(),
      second: traffic.lastSecond(),
      parts: {
        gateway: health.alive().parts.process!,
        ...this.#filmParts(inventory),
        ...this.#orderParts(broker, queue),
      },
      films: traffic.summary('films'),
      orders: traffic.summary('orders'),
      refusals: traffic.refusals(),
      queue: countOf(queue),
      deadLetters: countOf(dead)?.messages ?? null,
      oldestWait: this.#oldestWait(countOf(queue)),
      instance: { number: Number(process.env.NODE_APP_INSTANCE ?? 0) + 1, of: instances },
    };
  }

  /** Inventory that says that its database is away is itself up. */
  #filmParts(inventory: PartState): Pick<LiveState['parts'], 'inventory' | 'movies_db'> {
    const reason = /^its database (.*)/.exec(inventory.reason ?? '')?.[1];
    if (reason === undefined) {
      const database =
        inventory.state === 'up' ? this.#seen('movies_db') : this.#seen('movies_db', 'is not seen from here without inventory');
      return { inventory: this.#seen('inventory', inventory.reason), movies_db: database };
    }
    return { inventory: this.#seen('inventory'), movies_db: this.#seen('movies_db', reason) };
  }

  /** The broker may be frozen before an order notices: it does not say then how long its queues are. */
  #orderParts(health: PartState, queue: Asked): Pick<LiveState['parts'], 'broker' | 'billing'> {
    const broker = this.#seen('broker', health.reason ?? (typeof queue === 'string' ? queue : undefined));
    if (typeof queue === 'string') {
      const without = queue === 'has no queue of orders' && health.state === 'up' ? 'its queue' : 'the broker';
      return { broker, billing: this.#seen('billing', `is not seen from here without ${without}`) };
    }
    return {
      broker,
      billing: this.#seen('billing', queue.consumers > 0 ? undefined : 'nobody consumes: billing_app is stopped'),
    };
  }

  #oldestWait(queue: QueueCount | null): number | null {
    if (!queue) return null;
    if (queue.messages === 0 || queue.consumers > 0) this.#filledSince = undefined;
    else this.#filledSince ??= performance.now();
    return this.#filledSince === undefined ? null : Math.round((performance.now() - this.#filledSince) / 1000);
  }

  #seen(name: string, reason?: string): PartState {
    const state = reason === undefined ? 'up' : 'down';
    const before = this.#since.get(name);
    const since = before?.state === state ? before.since : new Date().toISOString();
    const now: PartState = { state, since, ...(reason !== undefined && { reason }) };
    this.#since.set(name, now);
    return now;
  }
}

/** What the broker said of a queue, or why it said nothing. */
type Asked = QueueCount | 'does not answer' | 'has no queue of orders';

const countOf = (asked: Asked): QueueCount | null => (typeof asked === 'string' ? null : asked);

function within(count: Promise<QueueCount>): Promise<Asked> {
  let clock: NodeJS.Timeout | undefined;
  const late = new Promise<Asked>((resolve) => {
    clock = setTimeout(resolve, PATIENCE, 'does not answer');
  });
  return Promise.race([count.catch((): Asked => 'has no queue of orders'), late]).finally(() => clearTimeout(clock));
}
