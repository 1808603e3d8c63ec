import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Cluster, clusterOf, nodeNamed } from '../layout.ts';
import { mayIsolate } from '../network.ts';

const homes: string[] = [];
const newHome = (network?: 'own' | 'loopback') => {
  const home = mkdtempSync(join(tmpdir(), 'layout-'));
  homes.push(home);
  if (network) writeFileSync(join(home, 'network'), network);
  return home;
};
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true });
});

/** Addresses and ports follow from a digest of the path: one home alone may be right by chance. */
const many = (network: 'own' | 'loopback') => Array.from({ length: 40 }, () => clusterOf(newHome(network)));
const addressesOf = ({ nodes }: Cluster) => nodes.map(({ address }) => address);
const asNumber = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

test('on loopback no node has an address of 127.0.x.x, where others are', () => {
  for (const cluster of many('loopback')) {
    expect(new Set(addressesOf(cluster)).size).toBe(3);
    for (const address of addressesOf(cluster)) expect(address).toMatch(/^127\.[1-9]\d*\.\d+\.[123]$/);
  }
});

test('on networks of their own the nodes and this computer are within one /29 of 198.18.0.0/15, at no end of it', () => {
  for (const cluster of many('own')) {
    const all = [...addressesOf(cluster), cluster.host].map(asNumber);
    expect(new Set(all).size).toBe(4);
    expect(new Set(all.map((one) => Math.floor(one / 8))).size).toBe(1);
    for (const one of all) expect(one % 8).toSatisfy((last: number) => last > 0 && last < 7);
    for (const address of addressesOf(cluster)) expect(address).toMatch(/^198\.1[89]\./);
  }
});

test.each(['own', 'loopback'] as const)('homes on %s networks differ in addresses, Erlang ports and marks', (network) => {
  const all = many(network);
  const different = (of: (cluster: Cluster) => unknown) => new Set(all.map((one) => JSON.stringify(of(one)))).size;
  // Two may meet by chance, there are 2000 pairs of ports; ten do not.
  for (const of of [addressesOf, ({ erlang }: Cluster) => erlang, ({ mark }: Cluster) => mark]) {
    expect(different(of)).toBeGreaterThan(all.length - 10);
  }
});

test('the kind of network is decided once', () => {
  const home = newHome();
  expect(clusterOf(home).isolated).toBe(mayIsolate());
  for (const kind of ['loopback', 'own']) {
    writeFileSync(join(home, 'network'), kind);
    expect(clusterOf(home).isolated).toBe(kind === 'own');
  }
});

test('a home that was made before there were networks stays on loopback', () => {
  const home = newHome();
  writeFileSync(join(home, 'secrets.json'), JSON.stringify({ superuser: 'kept' }));
  expect(clusterOf(home)).toMatchObject({ isolated: false, secrets: { superuser: 'kept' } });
});

test('the secrets are made once, each another one, for the eyes of their owner', () => {
  const home = newHome('loopback');
  const { secrets } = clusterOf(home);
  expect(new Set(Object.values(secrets)).size).toBe(4);
  expect(clusterOf(home).secrets).toEqual(secrets);
  expect(statSync(join(home, 'secrets.json')).mode & 0o777).toBe(0o600);
});

test('a node is known by its name and by its number; another name is answered with those that there are', () => {
  const cluster = clusterOf(newHome('loopback'));
  expect([nodeNamed(cluster, 'node-2').name, nodeNamed(cluster, '2').name]).toEqual(['node-2', 'node-2']);
  expect(() => nodeNamed(cluster, 'node-4')).toThrow('Which node? One of node-1, node-2, node-3: there is no "node-4".');
  expect(() => nodeNamed(cluster, undefined)).toThrow(/^Which node\? One of node-1, node-2, node-3\.$/);
});
