import type { Watch } from '@crud-master/plumbing/access-log';
import type { Health } from '@crud-master/plumbing/health';
import { Metrics, requestMetrics } from '@crud-master/plumbing/metrics';
import { problemOf } from '@crud-master/plumbing/problem';
import type { Spans } from '@crud-master/plumbing/spans';
import type { Obstacle } from './broker.ts';
import type { Exchange } from './exchange.ts';
import type { Role } from './live/patroni.ts';
import type { LiveState } from './live/state.ts';
import type { Traffic } from './live/traffic.ts';
import { orderProblemKinds } from './order-problems.ts';
import type { Publisher, PublishOrder } from './publisher.ts';

const OBSTACLES: Obstacle[] = ['unreachable', 'silent', 'blocked', 'refused', 'missing'];

const ROLES: Role[] = ['primary', 'synchronous standby', 'standby'];

/** Seconds: the gateway's own time is far below a client's. */
const OWN_TIMES = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export interface GatewayMetrics {
  metrics: Metrics;
  /** Learns of each request: for the metrics, and for the live page. */
  watch: Watch;
  /** That publish, measured. */
  measured(publish: PublishOrder): PublishOrder;
}

/** `look` asks the broker how long the queues are. */
export function gatewayMetrics(
  health: Health,
  publisher: Pick<Publisher, 'obstacle'>,
  traffic: Traffic,
  look: () => Promise<LiveState>,
  spans: Pick<Spans, 'dropped'> | undefined,
): GatewayMetrics {
  const metrics = new Metrics(health, spans);
  metrics.gauge('gateway_broker_obstacle', 'What keeps the gateway from publishing orders: 1 for that reason', (set) => {
    for (const reason of OBSTACLES) set(publisher.obstacle === reason ? 1 : 0, { reason });
  });
  addQueues(metrics, look);
  addNodes(metrics, look);
  metrics.counters(
    'gateway_refusals_total',
    'Films and orders refused, by kind of problem, or by status where inventory refused',
    'kind',
    () => traffic.refusals(),
  );
  return { metrics, watch: watchRequests(metrics, traffic), measured: measuredBy(metrics) };
}

function addQueues(metrics: Metrics, look: () => Promise<LiveState>): void {
  const queue = (name: string, help: string, read: (state: LiveState) => number | null | undefined) =>
    metrics.gauge(name, help, async (set) => {
      const value = read(await look());
      if (typeof value === 'number') set(value);
    });
  queue(
    'orders_queue_messages',
    'Orders that wait in the queue; absent while the broker does not say',
    (state) => state.queue?.messages,
  );
  queue('orders_queue_consumers', 'Processes that consume the queue', (state) => state.queue?.consumers);
  queue(
    'orders_queue_oldest_seconds',
    'How long the oldest order has waited at least; absent where it is not known',
    (state) => state.oldestWait,
  );
  queue(
    'dead_letters_messages',
    'Messages that could not become orders, until somebody deals with them',
    (state) => state.deadLetters,
  );
}

/** Of each node of a cluster; absent where there is one of everything. */
function addNodes(metrics: Metrics, look: () => Promise<LiveState>): void {
  metrics.gauge('gateway_broker_node_up', "Whether a node's broker takes the orders of this gateway: 1, or 0", async (set) => {
    for (const { name, broker } of (await look()).nodes ?? []) set(broker.state === 'up' ? 1 : 0, { node: name });
  });
  metrics.gauge(
    'gateway_database_node_role',
    'What a PostgreSQL is of several: 1 for that role; 0 for all where it is down',
    async (set) => {
      for (const { name, database } of (await look()).nodes ?? [])
        for (const role of database ? ROLES : []) set(database?.role === role ? 1 : 0, { node: name, role });
    },
  );
  metrics.gauge(
    'gateway_database_node_lag_bytes',
    'How far a standby is behind the primary; absent where it is not known',
    async (set) => {
      for (const { name, database } of (await look()).nodes ?? [])
        if (database?.lag !== undefined) set(database.lag, { node: name });
    },
  );
}

/** Films and orders by what was asked for, whatever the answer. */
function watchRequests(metrics: Metrics, traffic: Traffic): Watch {
  const requests = requestMetrics(metrics);
  const waits = metrics.histogram(
    'gateway_inventory_wait_seconds',
    'From a film request written to inventory until its answer is whole',
  );
  const own = metrics.histogram('gateway_own_time_seconds', 'What a film request took beside that', OWN_TIMES);
  return {
    begin: requests.begin,
    end(ctx, status, milliseconds) {
      const route = requests.end(ctx, status, milliseconds);
      const { res, state } = ctx;
      if (route === 'other') return;
      const isOrder = route.startsWith('/api/billing');
      traffic.note(isOrder ? 'orders' : 'films', milliseconds, status < 400 ? undefined : (problemOf(res) ?? String(status)));
      const wait = (state.exchange as Exchange | undefined)?.wait;
      if (wait === undefined) return;
      waits.observe(wait / 1000);
      own.observe(Math.max(0, milliseconds - wait) / 1000);
    },
  };
}

function measuredBy(metrics: Metrics): GatewayMetrics['measured'] {
  const confirms = metrics.histogram(
    'gateway_publish_confirm_seconds',
    "From an order's publish until the broker has confirmed it",
  );
  // Each is there from the first scrape on: Prometheus sees no increase in a series that begins.
  const outcomes: Record<string, number> = Object.fromEntries(['confirmed', ...orderProblemKinds].map((kind) => [kind, 0]));
  let inFlight = 0;
  metrics.counters(
    'gateway_publishes_total',
    'Orders by what became of them: confirmed, or the kind of the problem',
    'outcome',
    () => outcomes,
  );
  metrics.gauge('gateway_publishes_in_flight', 'Orders that wait for their confirm', (set) => set(inFlight));
  return (publish) => async (message) => {
    const start = performance.now();
    let outcome = 'confirmed';
    inFlight++;
    try {
      await publish(message);
      confirms.observe((performance.now() - start) / 1000);
    } catch (error) {
      outcome = (error as { problem?: { kind?: string } }).problem?.kind ?? 'error';
      throw error;
    } finally {
      inFlight--;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
}
