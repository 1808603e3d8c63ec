import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { PatroniStandIn, PRIMARY, SYNCHRONOUS } from '../../../../api-gateway/test/harness/patroni.ts';
import { connectOperator, type Operator, withOperator } from '../../../run/servers/rabbitmq/operator.ts';
import { type Broker, startBroker } from '../../../run/servers/rabbitmq/rabbitmq.ts';
import { orders } from '../../faults/orders.ts';
import { readPanels } from '../dashboard.ts';
import { hasPrometheus, NO_PROMETHEUS } from '../prometheus.ts';
import { readRules } from '../rules.ts';
import { type App, startWatchedStack, type WatchedStack } from '../watched-stack.ts';

if (!hasPrometheus()) console.log(`The alerts are not tried: ${NO_PROMETHEUS}`);

const PATIENCE = 50_000;
const QUEUE_IS_FULL = JSON.stringify({ 'max-length': 1, overflow: 'reject-publish' });

/** Of the services. No ports that an outgoing connection may have by the time a killed service starts again. */
const FIRST_PORT = 10_000 + (process.pid % 20_000);
let watched = 0;

const order = orders('alerts');
const fired = new Set<string>();
const stacks: WatchedStack[] = [];
let broker: Broker;

async function watch(name: string, ...settings: Record<string, string>[]): Promise<WatchedStack> {
  const stack = await startWatchedStack(name, FIRST_PORT + 10 * watched++, ...settings);
  stacks.push(stack);
  return stack;
}

interface Fault {
  begin?: () => unknown;
  /** What clients do meanwhile, twenty times a second. */
  clients?: () => void;
}

/** Sees that the alerts are silent, then lets the fault last until each of them has fired. */
async function expectAlerts(stack: WatchedStack, alerts: string[], { begin, clients = () => {} }: Fault): Promise<void> {
  const firing = () => stack.prometheus.firing();
  for (const alert of alerts) await soon(async () => expect(await firing()).not.toContain(alert));
  await begin?.();
  const clock = setInterval(clients, 50);
  try {
    for (const alert of alerts) {
      await soon(async () => expect(await firing()).toContain(alert));
      fired.add(alert);
    }
  } finally {
    clearInterval(clock);
  }
}

/** Not `expect.poll`, which knows one test at a time only. */
const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: PATIENCE, interval: 100 });

const post = ({ gateway }: WatchedStack, count: number) => {
  for (let n = 0; n < count; n++) gateway.post(order.next().value);
};
const posted = ({ gateway }: WatchedStack) => soon(async () => expect((await gateway.post(order.next().value)).status).toBe(200));

/** Ends the service as soon as Prometheus has seen that it started, again and again, until the alert fires. */
async function crashUntil(stack: WatchedStack, app: App, job: string, alert: string): Promise<void> {
  for (let starts = 1; !(await stack.prometheus.firing()).includes(alert); starts++) {
    const seen = `changes(process_start_time_seconds{job="${job}"}[5m]) >= ${starts}`;
    stack.kill(app);
    stack.start(app);
    await soon(async () => expect(await stack.prometheus.count(seen)).toBe(1));
    expect(starts).toBeLessThan(20);
  }
  fired.add(alert);
}

describe.skipIf(!hasPrometheus())('Alerts', () => {
  beforeAll(async () => {
    const { home, rabbitmq, env } = inject('services');
    broker = await startBroker({ home, port: rabbitmq.port, environment: env }); // runs already
  });
  afterAll(() => Promise.all(stacks.map((stack) => stack.end())));

  describe.concurrent('of the queue and of the gateway', () => {
    let stack: WatchedStack;
    beforeAll(async () => {
      stack = await watch('queue');
    });

    test('Billing is killed while orders come', { concurrent: false }, () =>
      expectAlerts(stack, ['NobodyConsumes', 'ServiceDoesNotAnswer', 'OrderQueueFilling'], {
        begin: () => stack.kill('billing-app'),
        clients: () => post(stack, 8),
      }),
    );

    test('The queue is full', { concurrent: false }, () =>
      expectAlerts(stack, ['OrderQueueFull'], {
        begin: () =>
          broker.control(
            ...['set_policy', '-p', stack.env.RABBITMQ_VHOST!, '--priority', '100'],
            ...['full', `^${stack.env.BILLING_QUEUE}$`, QUEUE_IS_FULL],
          ),
        clients: () => post(stack, 1),
      }),
    );

    test('The queue is deleted', { concurrent: false }, () =>
      expectAlerts(stack, ['OrderQueueMissing'], {
        begin: () => withOperator(stack.env, (channel) => channel.deleteQueue(stack.env.BILLING_QUEUE!)),
        clients: () => post(stack, 1),
      }),
    );

    test('The gateway is killed, and then ends again and again', { concurrent: false }, async () => {
      await expectAlerts(stack, ['GatewayDown', 'AllGatewaysDown'], { begin: () => stack.kill('api-gateway') });
      await crashUntil(stack, 'api-gateway', 'api_gateway', 'GatewayCrashes');
    });
  });

  describe.concurrent('of the broker', () => {
    let stack: WatchedStack;
    beforeAll(async () => {
      stack = await watch('broker', { GATEWAY_MAX_ORDERS_IN_FLIGHT: '5' });
    });
    const permit = (write: string) =>
      broker.control('set_permissions', '-p', stack.env.RABBITMQ_VHOST!, stack.env.RABBITMQ_GATEWAY_USER!, '^$', write, '^$');

    test('More orders come than the gateway takes, and billing ends again and again', { concurrent: false }, async () => {
      await Promise.all([
        expectAlerts(stack, ['TooManyOrders'], { clients: () => post(stack, 20) }),
        crashUntil(stack, 'billing-app', 'billing_app', 'BillingCrashes'),
      ]);
    });

    test('The broker is away', { concurrent: false }, async () => {
      const link = stack.links['gateway-broker'];
      await expectAlerts(stack, ['BrokerUnreachable'], { begin: () => link.begin('cut') });
      link.heal();
      await posted(stack);
    });

    test('The broker does not answer', { concurrent: false }, async () => {
      const link = stack.links['gateway-broker'];
      await expectAlerts(stack, ['BrokerHangs'], { begin: () => link.begin('black-hole'), clients: () => post(stack, 1) });
      link.heal();
      await posted(stack);
    });

    test('The permission to publish is taken away', { concurrent: false }, async () => {
      await expectAlerts(stack, ['GatewayMayNotPublish'], {
        async begin() {
          await permit('^$');
          stack.links['gateway-broker'].reset(); // RabbitMQ remembers what an open channel may do
        },
      });
      await permit('^billing$');
      await posted(stack);
    });
  });

  describe.concurrent('of films, of what billing stores, and of nodes', () => {
    let stack: WatchedStack;
    let operator: Operator;
    let primary: PatroniStandIn;
    let standby: PatroniStandIn;
    beforeAll(async () => {
      primary = await PatroniStandIn.listen(PRIMARY);
      standby = await PatroniStandIn.listen(SYNCHRONOUS);
      const nodes = {
        RABBITMQ_HOST: '127.0.0.1,localhost', // two nodes: two names of one broker
        CLUSTER_NODES: `127.0.0.1:${primary.port},localhost:${standby.port}`,
      };
      stack = await watch('films', {}, nodes);
      operator = await connectOperator(stack.env);
    });
    afterAll(async () => {
      await operator?.connection.close();
      primary?.close();
      standby?.close();
    });
    const anHourAgo = () => Math.floor(Date.now() / 1000) - 3600;
    const publish = (content: string) =>
      operator.channel.publish('billing', stack.env.BILLING_QUEUE!, Buffer.from(content), {
        messageId: randomUUID(),
        timestamp: anHourAgo(),
      });

    test('Films are slow, orders that waited long are stored, and a message is no order', { concurrent: false }, async () => {
      await expectAlerts(stack, ['FilmsAreSlow', 'OrdersWaitLong', 'DeadLetters'], {
        begin() {
          stack.links['gateway-inventory'].begin('slow');
          publish('{');
        },
        clients() {
          stack.gateway.searchFilms();
          publish('{"user_id":1,"number_of_items":1,"total_amount":1}');
        },
      });
      stack.links['gateway-inventory'].heal();
    });

    test('Inventory and the orders database are away', { concurrent: false }, () =>
      expectAlerts(stack, ['OrdersDatabaseDown', 'FilmsUnavailable', 'RequestsFail'], {
        begin() {
          stack.links['billing-orders_db'].begin('cut');
          stack.kill('inventory-app');
        },
        clients: () => stack.gateway.searchFilms(),
      }),
    );

    test('A standby is behind, and then away; brokers are, too', { concurrent: false }, async () => {
      await expectAlerts(stack, ['DatabaseNodeLagging'], {
        begin() {
          standby.answer = { ...SYNCHRONOUS, xlog: { replayed_location: 1 } };
        },
      });
      await expectAlerts(stack, ['DatabaseNodeDown', 'DatabaseCannotWrite', 'BrokerNodeDown', 'BrokersWithoutMajority'], {
        begin() {
          standby.close();
          stack.links['gateway-broker'].begin('cut');
        },
      });
    });
  });

  test('The broker is out of memory', () => {
    const stack = stacks.find(({ env }) => env.GATEWAY_MAX_ORDERS_IN_FLIGHT === '5')!;
    return expectAlerts(stack, ['BrokerOutOfMemoryOrDisk'], {
      begin: () => broker.control('set_vm_memory_high_watermark', '0.0000001'),
      clients: () => post(stack, 1),
    });
  });

  test('have all fired, and no other is written down', () => {
    expect([...fired].sort()).toEqual(
      readRules()
        .map(({ alert }) => alert)
        .sort(),
    );
  });

  test('and each panel of the dashboard showed something', async () => {
    const empty = await Promise.all(
      readPanels().flatMap(({ title, expressions }) =>
        expressions.map(async (expression) => {
          const counts = await Promise.all(stacks.map(({ prometheus }) => prometheus.everCount(expression)));
          return counts.some((count) => count > 0) ? [] : [`${title}: ${expression}`];
        }),
      ),
    );
    expect(empty.flat()).toEqual([]);
  });
});
