import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkout } from '../../../run/checkout.mjs';
import { anyFreePort } from '../../../run/servers/ports.ts';
import type { Environment } from '../../../run/stack/environment.ts';
import { ORDER, publishOrders } from '../../bench/load/broker.ts';
import { databaseOf, FILMS, fillMovies, filmId, withDatabase } from '../../bench/load/database.ts';
import { httpRequest, load } from '../../bench/load/load.ts';
import { answers, type Running, startPeer, startService, untilReady } from '../../bench/processes.ts';
import { createTestDatabase, createTestVhost } from '../../tests/services.ts';

/*
 * What lives as long as a request must die young: promoted to the old generation it stays until a full collection, and
 * what it points to with it. docs/decisions/young-generation.md tells what promoted nearly everything, in some starts.
 * Counted are bytes; a time would differ from computer to computer.
 */

/** As many as make V8 believe that what a request needs lives long, which is what some starts make it believe. */
const RUSH = 900;
const CONNECTIONS = 50;
/** Orders of the backlog, of which the first quarter warms up. */
const BACKLOG = 16_000;

let environment: Environment;
const running: Running[] = [];

beforeAll(async () => {
  const [films, orders, { vhost }] = await Promise.all([
    createTestDatabase('MOVIES_DB'),
    createTestDatabase('ORDERS_DB'),
    createTestVhost(),
  ]);
  environment = { ...films.env, ORDERS_DB_NAME: orders.name, RABBITMQ_VHOST: vhost } as Environment;
  await withDatabase(databaseOf(environment, 'MOVIES_DB'), (client) => fillMovies(client, FILMS));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

/** The service as PM2 starts it. */
function start(workspace: string, own: Environment = {}): Running {
  const NODE_OPTIONS = `--import=${new URL('../collector-watch.ts', import.meta.url).href}`;
  const one = startService({ name: 'promotion', checkout, home: '', environment }, workspace, { ...own, NODE_OPTIONS });
  running.push(one);
  return one;
}

/** The bytes that this process promotes for each of so many units of work. */
async function promotedPerUnit({ child }: Running, work: () => Promise<number>): Promise<number> {
  child.send('watch');
  const units = await work();
  child.send('report');
  for (;;) {
    const [message] = await once(child, 'message');
    if (message.promoted !== undefined) return message.promoted / units;
  }
}

/** The least of three: a processor that others use makes it more, never less, and what the rush has spoiled stays spoiled. */
async function promotedPerRequest(one: Running, port: number, request: (n: number) => Buffer, limit: number): Promise<number> {
  const drive = (connections: number, seconds: number) => load({ port, request, connections, seconds });
  await drive(RUSH, 1.5);
  await drive(CONNECTIONS, 1);
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && least >= limit; attempt++)
    least = Math.min(least, await promotedPerUnit(one, async () => (await drive(CONNECTIONS, 1.5)).requests));
  return least;
}

describe('the gateway promotes of', () => {
  test('a film at most 500 bytes', async () => {
    const [port, upstreamPort] = [await anyFreePort(), await anyFreePort()];
    running.push(startPeer('upstream', { PORT: String(upstreamPort) }));
    const gateway = start('api-gateway', { API_GATEWAY_PORT: String(port), INVENTORY_PORT: String(upstreamPort) });
    await untilReady('the gateway', gateway, () => answers(`http://127.0.0.1:${port}/api/movies/1`));
    expect(await promotedPerRequest(gateway, port, () => httpRequest('GET', '/api/movies/1'), 500)).toBeLessThan(500);
  });

  test('an order at most 600 bytes', async () => {
    const port = await anyFreePort();
    const gateway = start('api-gateway', { API_GATEWAY_PORT: String(port) });
    const post = httpRequest('POST', '/api/billing', ORDER);
    const taken = async () => (await load({ port, request: () => post, connections: 1, seconds: 0.1 })).failed === 0;
    await untilReady('the gateway', gateway, taken);
    expect(await promotedPerRequest(gateway, port, () => post, 600)).toBeLessThan(600);
  });
});

describe('inventory promotes of', () => {
  test.each([
    ['a film by id', (n: number) => httpRequest('GET', `/api/movies/${filmId(n)}`), 600],
    ['the list', () => httpRequest('GET', '/api/movies'), 300_000],
  ] as const)('%s no more than what is under way', async (_what, request, limit) => {
    const port = await anyFreePort();
    const inventory = start('inventory-app', { INVENTORY_PORT: String(port) });
    await untilReady('inventory', inventory, () => answers(`http://127.0.0.1:${port}/api/movies/1`));
    expect(await promotedPerRequest(inventory, port, request, limit)).toBeLessThan(limit);
  });
});

test('billing promotes of an order of a backlog at most 1,600 bytes', async () => {
  await publishOrders(environment, BACKLOG, () => JSON.stringify(ORDER));
  const billing = start('billing-app');
  await withDatabase(databaseOf(environment, 'ORDERS_DB'), async (client) => {
    const stored = async () => {
      const { rows } = await client.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM orders');
      return rows[0]!.id;
    };
    const until = async (orders: number) => {
      while ((await stored()) < orders) await sleep(20);
    };
    await until(BACKLOG / 4);
    const from = await stored();
    const promoted = await promotedPerUnit(billing, async () => {
      await until(BACKLOG);
      return BACKLOG - from;
    });
    expect(promoted).toBeLessThan(1600);
  });
});
