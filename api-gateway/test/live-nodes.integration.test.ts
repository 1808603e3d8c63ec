import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LiveState } from '../app/live/state.ts';
import { startGateway, type TestGateway } from './harness/gateway.ts';
import { PatroniStandIn, PRIMARY, STANDBY, SYNCHRONOUS } from './harness/patroni.ts';

let gateway: TestGateway | undefined;
let patronis: PatroniStandIn[] = [];
beforeEach(async () => {
  patronis = await Promise.all([PRIMARY, SYNCHRONOUS, STANDBY].map((answer) => PatroniStandIn.listen(answer)));
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  for (const patroni of patronis) patroni.close();
});

/** By three names of this computer. */
const HOSTS = ['127.0.0.1', 'localhost', '::ffff:127.0.0.1'];
const withPorts = () => HOSTS.map((host, i) => `[${host}]:${patronis[i]!.port}`).join();
const RABBITMQ_HOST = [HOSTS[1], HOSTS[2], HOSTS[0]].join(); // its own first, as on each node

const start = async (settings: Record<string, string>) => {
  gateway = await startGateway(1, { LIVE_PAGE: 'local', ...settings });
};
const get = (path: string) => fetch(`http://127.0.0.1:${gateway!.port}${path}`);
const state = async () => (await (await get('/live/state')).json()) as LiveState;

test('The page says of each node what it is, how far it is behind, and what one more failure would mean', async () => {
  await start({ RABBITMQ_HOST, CLUSTER_NODES: withPorts() });
  const since = expect.any(String);
  expect((await state()).nodes).toEqual([
    { name: 'node-1', broker: { state: 'up', since, inUse: false }, database: { state: 'up', since, role: 'primary' } },
    {
      name: 'node-2',
      broker: { state: 'up', since, inUse: true },
      database: { state: 'up', since, role: 'synchronous standby', lag: 0 },
    },
    {
      name: 'node-3',
      broker: { state: 'up', since, inUse: false },
      database: { state: 'up', since, role: 'standby', lag: 35_536 },
    },
  ]);
  const page = await (await get('/')).text();
  expect(page).toContain('<tr><th scope="row">node-3</th><td class="up">up</td><td class="up">standby, 35.5 kB behind</td></tr>');
  expect(page).toContain('Films and orders are stored, and still are when any one node fails.');
  for (const address of [...HOSTS, ...patronis.map(({ port }) => String(port))]) expect(page).not.toContain(address);
});

test('A PostgreSQL that starts, and one whose node is away, are said to be down, and by whom', async () => {
  await start({ RABBITMQ_HOST, CLUSTER_NODES: withPorts() });
  patronis[1]!.answer = { state: 'starting', role: 'replica' };
  patronis[2]!.close();
  const { nodes } = await state();
  expect(nodes!.map(({ database }) => database!.reason)).toEqual([undefined, 'is starting', 'cannot be reached']);
  const page = await (await get('/')).text();
  expect(page).toMatch(/the primary has no synchronous standby[\s\S]*cannot be reached/);
  expect(page).not.toContain('All parts work');
});

test('A standby that runs, and to which the primary streams nothing, does not count', async () => {
  patronis[0]!.answer = { ...PRIMARY, replication: PRIMARY.replication.slice(0, 1) };
  await start({ RABBITMQ_HOST, CLUSTER_NODES: withPorts() });
  const { nodes } = await state();
  expect(nodes![2]!.database).toMatchObject({ state: 'down', reason: 'gets no log from the primary', lag: 35_536 });
  expect(await (await get('/')).text()).toContain('One more PostgreSQL down stops that: 2 of 3 are up.');
});

test('A Patroni that is frozen holds a look up by its 700 ms, and no longer', async () => {
  patronis[0]!.answer = undefined;
  await start({ RABBITMQ_HOST, CLUSTER_NODES: withPorts() });
  const began = performance.now();
  expect((await state()).nodes![0]!.database!.reason).toBe('does not answer');
  expect(performance.now() - began).toBeLessThan(1500); // on a busy computer
});

test('With several brokers alone, PostgreSQL is not asked', async () => {
  await start({ RABBITMQ_HOST });
  expect((await state()).nodes!.map(({ name, database }) => [name, database])).toEqual([
    ['node-1', undefined],
    ['node-2', undefined],
    ['node-3', undefined],
  ]);
  expect(await (await get('/')).text()).not.toContain('PostgreSQL down');
});

test('With one of everything nothing is said of nodes', async () => {
  await start({});
  expect(await state()).not.toHaveProperty('nodes');
  const page = await (await get('/')).text();
  expect(page).not.toMatch(/Nodes|\{\{/);
  expect(page).toContain('</section>\n\n      <section aria-labelledby="dead-title"');
});
