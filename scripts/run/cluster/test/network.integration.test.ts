import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, clusterOf, type Node } from '../layout.ts';
import { buildNetwork, cut, cutsOf, entryTo, hasNetwork, mayIsolate, mend, removeNetwork } from '../network.ts';
import { accepts } from '../state.ts';

const homes: string[] = [];
const newHome = () => {
  const home = mkdtempSync(join(tmpdir(), 'network-'));
  homes.push(home);
  return home;
};
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true });
});

test('each home has addresses and ports of its own, and keeps them', () => {
  const [one, other] = [clusterOf(newHome()), clusterOf(newHome())];
  expect(one.nodes.map(({ address }) => address)).not.toEqual(other.nodes.map(({ address }) => address));
  expect(clusterOf(one.home)).toEqual(one);
});

test('a home that was made on loopback stays there, and has no cable to cut', async () => {
  const home = newHome();
  writeFileSync(join(home, 'network'), 'loopback');
  const cluster = clusterOf(home);
  for (const { address } of cluster.nodes) expect(address).toMatch(/^127\.(?!0\.)/);
  await expect(cut(cluster, cluster.nodes[0]!)).rejects.toThrow('No cable can be cut');
});

const may = mayIsolate();
if (!may) console.warn('Skipped, what cables do: this user may make no networks here. It needs root and iproute2, on Linux.');

describe.runIf(may)('As root', () => {
  let cluster: Cluster;
  let [first, second, third]: Node[] = [];
  const programs: ReturnType<typeof spawn>[] = [];

  beforeAll(async () => {
    cluster = clusterOf(newHome());
    [first, second, third] = cluster.nodes;
    await buildNetwork(cluster);
    await buildNetwork(cluster); // what is there stays
    for (const { address, ...node } of cluster.nodes) {
      const listener = inside(
        { address, ...node },
        `require('net').createServer().listen(7000, '${address}', () => console.log('up'))`,
      );
      await once(listener.stdout!, 'data');
      programs.push(listener);
    }
  });
  afterAll(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await removeNetwork(cluster);
  });

  /** A program on that node's network. */
  function inside(node: Node, program: string) {
    const [command, ...args] = [...entryTo(node), process.execPath, '--eval', program];
    return spawn(command!, args);
  }

  /** What comes of a connection from one node to another one: `connected`, the code of the error, or `no answer`. */
  async function reaches(from: Node, to: Node): Promise<string> {
    const program = `const socket = require('net').connect({ port: 7000, host: '${to.address}' });
      const end = (what) => { console.log(what); process.exit(); };
      socket.on('connect', () => end('connected')).on('error', ({ code }) => end(code)); setTimeout(end, 700, 'no answer');`;
    const [said] = await once(inside(from, program).stdout!, 'data');
    return String(said).trim();
  }

  const reachesFromHere = ({ address }: Node) => accepts(address, 7000);

  /** Gives what that node is told from now on. */
  async function hears(node: Node): Promise<() => string[]> {
    const ear = inside(
      node,
      `const socket = require('dgram').createSocket('udp4').on('message', (text) => console.log(String(text)));
      socket.bind(7001, '${node.address}', () => console.log('up'));`,
    );
    programs.push(ear);
    let heard = '';
    ear.stdout!.on('data', (text) => {
      heard += text;
    });
    await once(ear.stdout!, 'data');
    return () => heard.trim().split('\n').slice(1);
  }

  /** One datagram: nobody sends it again. */
  async function tells(from: Node, to: Node, text: string): Promise<void> {
    const program = `const socket = require('dgram').createSocket('udp4');
      socket.send('${text}', 7001, '${to.address}', () => socket.close());`;
    await once(inside(from, program), 'exit');
  }

  test('each node reaches each other one', async () => {
    const all = cluster.nodes.flatMap((from) => cluster.nodes.map((to) => reaches(from, to)));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['connected']));
  });

  test('a node that is cut off gets no answer, and nobody one from it, until the cables are mended', async () => {
    await cut(cluster, first!);
    expect(await Promise.all([reaches(first!, second!), reaches(third!, first!), reaches(second!, third!)])).toEqual([
      'no answer',
      'no answer',
      'connected',
    ]);
    await mend(cluster);
    expect(await reaches(first!, second!)).toBe('connected');
    expect(await cutsOf(cluster)).toEqual([]);
  });

  test('one cable is cut: both nodes reach the third one', async () => {
    await cut(cluster, first!, second!);
    expect(await Promise.all([reaches(first!, second!), reaches(first!, third!), reaches(third!, second!)])).toEqual([
      'no answer',
      'connected',
      'connected',
    ]);
    await mend(cluster);
  });

  test('nothing is left of a network that is removed', async () => {
    const other = clusterOf(newHome());
    const interfaces = () => Object.keys(networkInterfaces()).filter((name) => name.includes(other.mark));
    await buildNetwork(other);
    expect(interfaces()).toHaveLength(3);
    await removeNetwork(other);
    expect(other.nodes.some(hasNetwork)).toBe(false);
    await expect.poll(interfaces).toEqual([]);
  });

  test('in one direction only what the first node sends is lost', async () => {
    const received = await hears(first!);
    await cut(cluster, first!, second!, true);
    expect(await cutsOf(cluster)).toEqual(['node-1 to node-2']);
    expect(readFileSync('/proc/net/arp', 'utf8')).not.toContain('02:00:00:00:00:01'); // this computer's own stay as they are
    await tells(second!, first!, 'one way');
    await expect.poll(received).toEqual(['one way']);
    expect(await reaches(second!, first!)).toBe('no answer'); // the answer gets lost
    await mend(cluster);
    expect(await reaches(second!, first!)).toBe('connected');
  });

  test('what the first node sends does not arrive, and the next one does when it is mended', async () => {
    const received = await hears(second!);
    await cut(cluster, first!, second!, true);
    await tells(first!, second!, 'lost');
    await mend(cluster);
    await tells(first!, second!, 'mended');
    await expect.poll(received).toEqual(['mended']);
  });

  test('this computer has no answer from a node whose cables are cut', async () => {
    expect(await reachesFromHere(first!)).toBe(true);
    await cut(cluster, first!);
    expect(await reachesFromHere(first!)).toBe(false);
    await mend(cluster);
    expect(await reachesFromHere(first!)).toBe(true);
  });

  test('a node has no cable to itself', async () => {
    await expect(cut(cluster, first!, first!)).rejects.toThrow('node-1 has no cable to itself');
    expect(await cutsOf(cluster)).toEqual([]);
  });

  test('before networks are made, and after they are removed, nothing is cut, and a cut says what makes them', async () => {
    const other = clusterOf(newHome());
    const isDown = async () => {
      expect(await cutsOf(other)).toEqual([]);
      await expect(cut(other, other.nodes[0]!)).rejects.toThrow(
        /^The nodes have no networks yet: npm run cluster -- start makes them\.$/,
      );
      await mend(other);
    };
    await isDown();
    await buildNetwork(other);
    await removeNetwork(other);
    await isDown();
  });
});
