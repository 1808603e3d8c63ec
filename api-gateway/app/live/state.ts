import type { Health, PartState } from '@crud-master/plumbing/health';
import { REASONS } from '../broker.ts';
import type { BillingReport, BillingReports, ParkedMessage } from './billing-reports.ts';
import type { ClusterNodes, DatabaseView, NodeView } from './cluster-nodes.ts';
import type { QueueCount, QueueWatch } from './queue-watch.ts';
import type { Siblings } from './siblings.ts';
import { type Summary, summarize, sumRefusals, type Traffic } from './traffic.ts';

/** As of a health check, or `unknown`: it is not seen from here without a part that is down. */
export type LivePart = Omit<PartState, 'state'> & { state: PartState['state'] | 'unknown' };

/** One of several equal machines. */
export interface LiveNode {
  name: string;
  /** `up`: it takes this gateway's orders, `inUse`: they go through it. */
  broker: LivePart & { inUse: boolean };
  /** Absent where nobody is asked. `lag`: bytes behind the primary, where that is known. */
  database?: LivePart & Pick<DatabaseView, 'role' | 'lag'>;
}

/** What everybody who looks gets to see: no address, no name of a user, no version. */
export interface LiveState {
  /** When it was looked, in UTC. */
  at: string;
  /** The last whole second, of which the flows are: a number that goes up by one. */
  second: number;
  parts: Record<'gateway' | 'inventory' | 'movies_db' | 'broker' | 'billing', LivePart> & { orders_db?: LivePart };
  /** Absent where there is one of everything. */
  nodes?: LiveNode[];
  films: Summary;
  orders: Summary;
  /** Requests that were refused since the start, by kind of problem, or by status where inventory refused. */
  refusals: Record<string, number>;
  queue: QueueCount | null;
  deadLetters: number | null;
  /** Messages that billing has and has not acknowledged: no longer in the queue, not stored yet. Null where it does not say. */
  inHand: number | null;
  /** Seconds that the oldest order in the queue has waited at least; null where it is not known. */
  oldestWait: number | null;
  /** What was parked since billing started, by kind, and the newest of it; null where billing does not say. */
  parked: { kinds: Record<string, number>; newest: Pick<ParkedMessage, 'at' | 'kind' | 'reason'>[] } | null;
  /** Which of how many gateway processes this is, and of how many the flows are. */
  instance: { number: number; of: number; seen: number };
}

export interface Sources {
  health: Health;
  queues: Pick<QueueWatch, 'count'>;
  traffic: Pick<Traffic, 'portion' | 'lastSecond'>;
  siblings: Pick<Siblings, 'portions'>;
  billing: Pick<BillingReports, 'look'>;
  nodes: Pick<ClusterNodes, 'look'>;
  /** Whether the reasons of dead letters, which quote what was sent, are for those who look. */
  tellsReasons: boolean;
  billingQueue: string;
  deadLetterQueue: string;
  instances: number;
}

/** Milliseconds that the broker may take to say how long its queues are. */
const PATIENCE = 700;

const NOT_SEEN = 'is not seen from here';

/** Dead letters that are shown one by one. */
const NEWEST = 5;

/** Looks at everything once, and never for longer than health checks and the broker may take: about a second. */
export class Sampler {
  readonly #sources: Sources;
  readonly #since = new Map<string, LivePart>();
  /** Since when the queue has not been empty. */
  #filledSince: number | undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  async look(): Promise<LiveState> {
    const { health, queues, traffic, siblings, billing, nodes, billingQueue, deadLetterQueue, instances } = this.#sources;
    const [report, toldOfQueue, toldOfDead, said, others, views] = await Promise.all([
      health.ready(),
      within(queues.count(billingQueue)),
      within(queues.count(deadLetterQueue)),
      billing.look(),
      siblings.portions(),
      nodes.look(),
    ]);
    const [queue, dead] = [believed(toldOfQueue, views), believed(toldOfDead, views)];
    const { inventory, broker } = report.parts as Record<'inventory' | 'broker', PartState>;
    const portions = [traffic.portion(), ...others];
    return {
      at: new Date().toISOString(),
      second: traffic.lastSecond(),
      parts: {
        gateway: health.alive().parts.process!,
        ...this.#filmParts(inventory),
        ...this.#orderParts(broker, queue, said, views.length > 0),
      },
      ...(views.length > 0 && { nodes: views.map((view) => this.#node(view)) }),
      films: summarize(portions, 'films'),
      orders: summarize(portions, 'orders'),
      refusals: sumRefusals(portions),
      queue: countOf(queue),
      deadLetters: countOf(dead)?.messages ?? null,
      inHand: said.reports.length > 0 ? said.reports.reduce((sum, { in_hand }) => sum + in_hand, 0) : null,
      parked: this.#parked(said.reports),
      oldestWait: this.#oldestWait(countOf(queue)),
      instance: { number: Number(process.env.NODE_APP_INSTANCE ?? 0) + 1, of: instances, seen: portions.length },
    };
  }

  /** Inventory that says that its database is away is itself up. */
  #filmParts(inventory: PartState): Pick<LiveState['parts'], 'inventory' | 'movies_db'> {
    const reason = /^its database (.*)/.exec(inventory.reason ?? '')?.[1];
    if (reason === undefined) {
      const database =
        inventory.state === 'up' ? this.#seen('movies_db') : this.#seen('movies_db', `${NOT_SEEN} without inventory`);
      return { inventory: this.#seen('inventory', inventory.reason), movies_db: database };
    }
    return { inventory: this.#seen('inventory'), movies_db: this.#seen('movies_db', reason) };
  }

  /** The broker may be frozen before an order notices: it does not say then how long its queues are. */
  #orderParts(
    health: PartState,
    queue: Asked,
    said: Said,
    isOneOfSeveral: boolean,
  ): Pick<LiveState['parts'], 'broker' | 'billing' | 'orders_db'> {
    const broker = this.#seen('broker', health.reason ?? (typeof queue === 'string' ? queue : undefined));
    const billing = this.#seen('billing', billingReason(health, queue, said, isOneOfSeveral));
    return { broker, billing, ...(said.expected > 0 && { orders_db: this.#seen('orders_db', databaseReason(said.reports)) }) };
  }

  #node({ name, brokerReason, inUse, database }: NodeView): LiveNode {
    const broker = { ...this.#seen(`${name}'s broker`, brokerReason), inUse };
    if (!database) return { name, broker };
    const { reason, ...known } = database;
    return { name, broker, database: { ...this.#seen(`${name}'s database`, reason), ...known } };
  }

  #parked(reports: BillingReport[]): LiveState['parked'] {
    if (reports.length === 0) return null;
    const kinds: Record<string, number> = {};
    for (const { parked } of reports)
      for (const [kind, count] of Object.entries(parked)) kinds[kind] = (kinds[kind] ?? 0) + count;
    const newest = reports
      .flatMap(({ newest }) => newest)
      .sort((one, other) => other.at.localeCompare(one.at))
      .slice(0, NEWEST)
      .map(({ at, kind, reason }) => ({ at, kind, reason }));
    return { kinds, newest: this.#sources.tellsReasons ? newest : [] };
  }

  #oldestWait(queue: QueueCount | null): number | null {
    if (!queue) return null;
    if (queue.messages === 0 || queue.consumers > 0) this.#filledSince = undefined;
    else this.#filledSince ??= performance.now();
    return this.#filledSince === undefined ? null : Math.round((performance.now() - this.#filledSince) / 1000);
  }

  #seen(name: string, reason?: string): LivePart {
    const state = reason === undefined ? 'up' : reason.startsWith(NOT_SEEN) ? 'unknown' : 'down';
    const before = this.#since.get(name);
    const since = before?.state === state ? before.since : new Date().toISOString();
    const now: LivePart = { state, since, ...(reason !== undefined && { reason }) };
    this.#since.set(name, now);
    return now;
  }
}

type Said = Awaited<ReturnType<BillingReports['look']>>;

/**
 * Why billing does not do its work, or nothing. It tells itself, where it can; else the queue tells who consumes it. Of several nodes this
 * one's billing alone is asked: while the queue is consumed, another one does its work.
 */
function billingReason(
  broker: PartState,
  queue: Asked,
  { reports, expected }: Said,
  isOneOfSeveral: boolean,
): string | undefined {
  const reason = reports.find(({ parts }) => parts.broker.reason)?.parts.broker.reason;
  if (typeof queue === 'string') {
    const without = queue === 'has no queue of orders' && broker.state === 'up' ? 'its queue' : 'the broker';
    return reports.length > 0 ? `waits for ${without}` : `${NOT_SEEN} without ${without}`;
  }
  if (queue.consumers === 0)
    return reports.length > 0 ? `runs, but does not consume: the broker ${reason ?? 'lost it'}` : STOPPED;
  const silent = expected - reports.length; // frozen: the broker has not noticed yet
  if (silent > 0 && !isOneOfSeveral)
    return expected === 1 ? 'does not answer' : `does not answer with ${silent} of its ${expected} processes`;
  return undefined;
}

const STOPPED = 'nobody consumes: billing_app is stopped';

/** One process that reaches the database is enough to know that it is there. */
function databaseReason(reports: BillingReport[]): string | undefined {
  if (reports.length === 0) return `${NOT_SEEN} without billing`;
  const databases = reports.map(({ parts }) => parts.database);
  return databases.some(({ state }) => state === 'up') ? undefined : databases[0]!.reason;
}

/** What the broker said of a queue, or why it said nothing. */
type Asked = QueueCount | 'does not answer' | 'has no queue of orders';

const countOf = (asked: Asked): QueueCount | null => (typeof asked === 'string' ? null : asked);

/** Of a queue whose leader does not answer a broker says that it is empty and has no consumer (RabbitMQ's rabbit_quorum_queue:stat). */
function believed(asked: Asked, nodes: NodeView[]): Asked {
  const isUp = ({ brokerReason }: NodeView) => brokerReason === undefined || brokerReason === REASONS.blocked;
  const brokers = nodes.filter(isUp).length;
  const hasLeader = nodes.length === 0 || brokers * 2 > nodes.length;
  const isNothing = typeof asked === 'object' && asked.messages === 0 && asked.consumers === 0;
  return isNothing && !hasLeader ? 'does not answer' : asked;
}

function within(count: Promise<QueueCount>): Promise<Asked> {
  let clock: NodeJS.Timeout | undefined;
  const late = new Promise<Asked>((resolve) => {
    clock = setTimeout(resolve, PATIENCE, 'does not answer');
  });
  return Promise.race([
    count.catch(({ code }: { code?: number }): Asked => (code === 404 ? 'has no queue of orders' : 'does not answer')),
    late,
  ]).finally(() => clearTimeout(clock));
}
