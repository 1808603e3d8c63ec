import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTestStack } from '../../scripts/prove/tests/services.ts';
import { startService } from '../../scripts/prove/tests/stack.ts';
import { anyFreePort, freePort } from '../../scripts/run/servers/ports.ts';
import { endProcess, waitFor } from '../../scripts/run/servers/process.ts';
import { withOperator } from '../../scripts/run/servers/rabbitmq/operator.ts';
import { Relay } from '../../scripts/run/servers/relay.ts';

const APPS = ['api-gateway', 'inventory-app', 'billing-app'] as const;
const PORTS = { 'api-gateway': 'API_GATEWAY', 'inventory-app': 'INVENTORY', 'billing-app': 'BILLING' };

let env: Record<string, string>;
let children: Record<string, ChildProcess>;
let ordersDatabase: Relay;
const own = (app: (typeof APPS)[number], path: string) =>
  fetch(`http://127.0.0.1:${env[`${PORTS[app]}_METRICS_PORT`]}${path}`, { headers: { Connection: 'close' } });
const gateway = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${env.API_GATEWAY_PORT}${path}`, init);
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  gateway(path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });

/** The values of a service, by name and labels as they stand in the text. */
async function values(app: (typeof APPS)[number]): Promise<Record<string, number>> {
  const text = await (await own(app, '/metrics')).text();
  return Object.fromEntries(
    [...text.matchAll(/^(\w[^ ]*(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
  );
}

beforeAll(async () => {
  env = await createTestStack();
  ordersDatabase = await Relay.listen(() => Number(env.ORDERS_DB_PORT));
  const through = { 'billing-app': { ORDERS_DB_PORT: String(ordersDatabase.port) } } as Record<string, object>;
  children = Object.fromEntries(APPS.map((app) => [app, startService(app, { ...env, ...through[app] })]));
  for (const app of APPS) expect(await waitFor(30_000, () => isReady(app).catch(() => false))).toBe(true);
});
const isReady = async (app: (typeof APPS)[number]) => {
  const report = (await (await own(app, '/readyz')).json()) as { status: string; warnings?: string[] };
  return report.status === 'ok' && !report.warnings;
};
afterAll(async () => {
  await Promise.all(Object.values(children ?? {}).map(({ pid }) => endProcess(pid!, 'SIGTERM', 20_000)));
  await ordersDatabase?.close();
});

describe('Metrics', () => {
  test('count films by route, method and status, in gateway and inventory alike', async () => {
    const created = (await (await post('/api/movies', { title: 'Alien' })).json()) as { id: number };
    for (const path of [
      `/api/movies/${created.id}`,
      `/api/movies/${created.id}/`,
      '/api/movies/2000000000',
      '/api/movies?title=x',
    ])
      await (await gateway(path)).arrayBuffer();
    for (const app of ['api-gateway', 'inventory-app'] as const) {
      const counts = await values(app);
      const count = (labels: string) => counts[`http_server_request_duration_seconds_count{${labels}}`];
      expect(count('method="POST",route="/api/movies",status="201"')).toBe(1);
      expect(count('method="GET",route="/api/movies/{id}",status="200"')).toBe(2);
      expect(count('method="GET",route="/api/movies/{id}",status="404"')).toBe(1);
      expect(count('method="GET",route="/api/movies",status="200"')).toBe(1);
      expect(counts.http_server_requests_in_flight).toBe(0);
    }
  });

  test("tell the gateway's own time from inventory's, for films only", async () => {
    const before = await values('api-gateway');
    await (await gateway('/api/movies')).arrayBuffer();
    await post('/api/billing', {});
    const after = await values('api-gateway');
    for (const name of ['gateway_own_time_seconds', 'gateway_inventory_wait_seconds']) {
      expect(after[`${name}_count`]! - before[`${name}_count`]!).toBe(1);
      expect(after[`${name}_sum`]).toBeGreaterThan(before[`${name}_sum`]!);
    }
  });

  test('count orders from the publish to the row: confirmed, stored, known, parked by kind', async () => {
    const order = { user_id: 1, number_of_items: 2, total_amount: 3 };
    for (const key of ['a', 'b']) expect((await post('/api/billing', order, { 'Idempotency-Key': key })).status).toBe(200);
    await withOperator(env, async (channel) => {
      const publish = (content: string, messageId: string) =>
        channel.publish('billing', env.BILLING_QUEUE!, Buffer.from(content), { persistent: true, messageId });
      publish(JSON.stringify(order), 'by hand');
      publish(JSON.stringify(order), 'by hand');
      publish('{', 'no order');
      publish(JSON.stringify({ ...order, user_id: 2 }), 'by hand');
      await channel.waitForConfirms();
    });
    await expect.poll(async () => (await values('billing-app'))['billing_parked_total{kind="conflict"}']).toBe(1);
    const billing = await values('billing-app');
    expect(billing).toMatchObject({
      'billing_orders_total{outcome="stored"}': 3,
      'billing_orders_total{outcome="known"}': 1,
      'billing_parked_total{kind="not-json"}': 1,
      billing_consuming: 1,
      billing_order_age_seconds_count: 2, // those by hand have no time
    });
    expect(billing.billing_batch_orders_sum).toBe(5);
    expect(billing.billing_store_seconds_count).toBe(billing.billing_batch_orders_count);
    await expect.poll(async () => (await values('billing-app')).billing_messages_in_hand).toBe(0);
    await expect.poll(async () => (await values('api-gateway')).dead_letters_messages).toBe(2);
    expect(await values('api-gateway')).toMatchObject({
      'gateway_publishes_total{outcome="confirmed"}': 2,
      'gateway_publishes_total{outcome="outcome-unknown"}': 0, // there before the first: else its increase is never seen
      gateway_publish_confirm_seconds_count: 2,
      gateway_publishes_in_flight: 0,
      'gateway_refusals_total{kind="invalid-order"}': 1,
      'gateway_broker_obstacle{reason="unreachable"}': 0,
      orders_queue_consumers: 1,
      orders_queue_messages: 0,
    });
  });

  test('are no more for a thousand different requests than for ten', async () => {
    const ask = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          gateway(`/api/movies/${from + i}${i % 2 ? '/x' : ''}?a=${i}`, { method: i % 3 ? 'GET' : 'PROPFIND' }).then((a) =>
            a.arrayBuffer(),
          ),
        ),
      );
    await ask(0, 12);
    const isOurs = (name: string) => /^(http|gateway|inventory)_/.test(name);
    const series = async () =>
      Object.keys({ ...(await values('api-gateway')), ...(await values('inventory-app')) }).filter(isOurs).length;
    const few = await series();
    await ask(1000, 1500);
    expect(await series()).toBe(few);
  });

  test.each(APPS)('of %s have the processor, the memory, the event loop, and each part', async (app) => {
    const all = await values(app);
    expect(all.process_resident_memory_bytes).toBeGreaterThan(1e7);
    expect(all.nodejs_eventloop_lag_p99_seconds).toBeGreaterThanOrEqual(0);
    expect(Object.keys(all).some((name) => name.startsWith('nodejs_gc_duration_seconds_count'))).toBe(true);
    const parts = Object.entries(all).filter(([name]) => name.startsWith('service_part_up{'));
    expect(parts.length).toBeGreaterThan(0);
    expect(parts.every(([, value]) => value === 1)).toBe(true);
  });
});

describe('The port of its own', () => {
  test.each(APPS)('of %s answers nothing but status, and no other method', async (app) => {
    expect((await own(app, '/api/movies')).status).toBe(404);
    const wrong = await fetch(`http://127.0.0.1:${env[`${PORTS[app]}_METRICS_PORT`]}/metrics`, { method: 'POST', body: 'x' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await own(app, '/livez')).status).toBe(200);
    expect((await own(app, '/livez/?now')).status).toBe(200);
  });

  test('answers no page to whose name somebody has pointed here', async () => {
    const [answer] = (await once(
      get({ host: '127.0.0.1', port: env.BILLING_METRICS_PORT, path: '/state', headers: { Host: 'elsewhere.example' } }),
      'response',
    )) as [IncomingMessage];
    expect(answer.resume().statusCode).toBe(403);
  });

  test('that is taken keeps a service from nothing, and is used once it is free', async () => {
    const other = createServer((_req, res) => res.end('other')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const again = await createTestStack();
    const child = startService('inventory-app', {
      ...env,
      INVENTORY_PORT: again.INVENTORY_PORT!,
      INVENTORY_METRICS_PORT: String(port),
    });
    await expect
      .poll(() =>
        fetch(`http://127.0.0.1:${again.INVENTORY_PORT}/api/movies`).then(
          (a) => a.status,
          () => 0,
        ),
      )
      .toBe(200);
    other.closeAllConnections();
    other.close();
    await expect
      .poll(() =>
        fetch(`http://127.0.0.1:${port}/livez`).then(
          (a) => a.status,
          () => 0,
        ),
      )
      .toBe(200);
    await endProcess(child.pid!, 'SIGTERM', 20_000);
  });
});

describe('Two processes of a gateway', () => {
  test('are shown as one by either, and by the other alone when one is gone', async () => {
    const ports = { API_GATEWAY_METRICS_PORT: String(await freePort(await anyFreePort(), 2)), API_GATEWAY_INSTANCES: '2' };
    const own = await Promise.all([anyFreePort(), anyFreePort()]);
    const processes = own.map((port, n) =>
      startService('api-gateway', { ...env, ...ports, API_GATEWAY_PORT: String(port), NODE_APP_INSTANCE: String(n) }),
    );
    onTestFinished(() => processes.forEach((process) => void process.kill('SIGKILL')));
    const state = async (n: number) =>
      (await (await fetch(`http://127.0.0.1:${own[n]}/live/state`)).json()) as { refusals: object; instance: object };
    for (const port of own) {
      const refused = () => fetch(`http://127.0.0.1:${port}/api/billing`, { method: 'POST', body: '{}' }).then((a) => a.status);
      await expect.poll(() => refused().catch(() => 0)).toBe(415);
    }
    for (const n of [0, 1])
      await expect
        .poll(() => state(n))
        .toMatchObject({ refusals: { 'not-json': 2 }, instance: { number: n + 1, of: 2, seen: 2 } });
    await endProcess(processes[0]!.pid!, 'SIGTERM', 20_000);
    expect(await state(1)).toMatchObject({ refusals: { 'not-json': 1 }, instance: { seen: 1 } });
    await endProcess(processes[1]!.pid!, 'SIGTERM', 20_000);
  });
});

test("Billing's process lives on without its consumer, and says that it is not ready, and why", async () => {
  await withOperator(env, (channel) => channel.deleteQueue(env.BILLING_QUEUE!)).catch(() => {});
  const seen = new Set<string>();
  await expect
    .poll(
      async () => {
        const answer = await own('billing-app', '/readyz');
        const { parts } = (await answer.json()) as { parts: { broker: { reason?: string } } };
        if (answer.status === 503) seen.add(parts.broker.reason!);
        return [...seen];
      },
      { interval: 20 },
    )
    .toContain('was lost');
  await expect.poll(() => isReady('billing-app')).toBe(true); // it declares the queue anew
});

describe('The live page', () => {
  const live = async () =>
    (await (await gateway('/live/state')).json()) as {
      parts: Record<string, { state: string; reason?: string }>;
      parked: object | null;
    };

  test('says that it is orders_db that is frozen, and not billing', async () => {
    ordersDatabase.begin('black-hole');
    await expect
      .poll(async () => (await live()).parts.orders_db)
      .toMatchObject({ state: 'down', reason: 'does not answer within 400 ms' });
    expect((await live()).parts.billing!.state).toBe('up');
    ordersDatabase.heal();
    await expect.poll(async () => (await live()).parts.orders_db!.state).toBe('up');
  });

  test('believes no stranger on the port of a billing that is stopped', async () => {
    await endProcess(children['billing-app']!.pid!, 'SIGTERM', 20_000);
    const stranger = createServer((_req, res) =>
      res.end('{"parts":{"broker":{},"database":{}},"in_hand":7,"parked":{"x":1},"newest":[]}'),
    );
    stranger.listen(Number(env.BILLING_METRICS_PORT), '127.0.0.1');
    await once(stranger, 'listening');
    await expect.poll(async () => (await live()).parts.billing!.reason).toBe('nobody consumes: billing_app is stopped');
    expect((await live()).parked).toBeNull();
    stranger.closeAllConnections();
    stranger.close();
  });
});
