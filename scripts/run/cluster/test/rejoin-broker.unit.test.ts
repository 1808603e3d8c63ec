import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', 'rejoin-broker.sh');
/** As RabbitMQ's log has it. */
const PARTED = "Mnesia('a'): ** ERROR ** mnesia_event got {inconsistent_database, running_partitioned_network, 'b'}\n";
const FROM_BOTH = "['rabbit@b','rabbit@c']\n";
const FROM_ONE = "['rabbit@b']\n";
const NO_ANSWER = '';

let folder: string;
let broker: ChildProcess;
let script: ChildProcess;
let port: Server;
/** By the script. */
let said: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rejoin-'));
  begin();
  writeFileSync(join(folder, 'log'), PARTED);
  writeFileSync(join(folder, 'df'), `#!/bin/sh\nexec cat ${join(folder, 'room')}\n`, { mode: 0o755 });
  roomIs(1000);
  port = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => port.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  for (const child of [script, broker]) child.kill('SIGKILL');
  port.close();
  rmSync(folder, { recursive: true });
});

function begin(): void {
  broker = spawn('sleep', ['600']); // what stands for it
  writeFileSync(join(folder, 'pid'), String(broker.pid));
}

/** Starts the script, which finds `says` when it asks the broker. */
async function watch(answer: string, limits: Record<string, string> = {}): Promise<void> {
  says(answer);
  const address = port.address() as { port: number } | null;
  const asked = `echo >>${join(folder, 'asked')}; grep . ${join(folder, 'says')}`; // fails without an answer
  const copies = `echo >>${join(folder, 'listed')}; cat ${join(folder, 'copies')}`;
  const told = `echo "$2" >>${join(folder, 'told')}`;
  const control = `case $1 in eval) case $2 in *rpc:cast*) ${told} ;; *) ${asked} ;; esac ;; list_vhosts) echo v ;; list_queues) ${copies} ;; esac`;
  const words = ['0', '2', join(folder, 'log'), join(folder, 'pid'), '127.0.0.1', String(address?.port ?? 1), 'rabbit@a'];
  script = spawn(SCRIPT, [...words, '--', 'sh', '-c', control, 'rabbitmqctl'], {
    env: {
      ...process.env,
      PATH: `${folder}:${process.env.PATH}`,
      LOOK: '0.1',
      SETTLE: '0',
      OTHER_WAY: '1',
      DEAF: '600',
      ...limits,
    },
  });
  said = '';
  script.stdout!.on('data', (chunk) => {
    said += chunk;
  });
  await once(script.stdout!, 'data'); // it has looked how long the log is
}

/** What the broker answers from now on. */
function says(answer: string): void {
  writeFileSync(join(folder, 'next'), answer);
  renameSync(join(folder, 'next'), join(folder, 'says')); // whoever asks meanwhile has one of the two whole
}

/** What `df` says of its disk, in megabytes. */
const roomIs = (megabytes: number) => writeFileSync(join(folder, 'room'), `Avail\n${megabytes}\n`);
const copiesAre = (text: string) => writeFileSync(join(folder, 'copies'), text);

const lines = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').length : 0);
const timesAsked = () => lines('asked');
const timesListed = () => lines('listed');
const ended = () => broker.signalCode !== null;
const patience = { timeout: 12_000 };

test('a broker that is parted from all others starts anew', async () => {
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
  expect(timesAsked()).toBe(1);
});

test('one that is parted from one other starts anew when it still is after a while', async () => {
  await watch(FROM_ONE);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
  expect(timesAsked()).toBe(2);
});

test('one that is parted from one other tells it, once: that one may have noticed nothing, and be parted from all', async () => {
  await watch(FROM_ONE);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
  const told = `[rpc:cast(Other, logger, error, ["~s is parted from this broker", [node()]]) || Other <- ['rabbit@b']].\n`;
  expect(readFileSync(join(folder, 'told'), 'utf8')).toBe(told);
});

test('one that is told that it is parted starts anew when it is, from all others', async () => {
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), '2026-11-28 05:53:09 [error] <0.1.0> rabbit@b is parted from this broker\n');
  await expect.poll(ended, patience).toBe(true);
  expect(timesAsked()).toBe(1);
  expect(existsSync(join(folder, 'told'))).toBe(false);
});

test('one that is told while it waits for the other does not begin to wait anew', async () => {
  await watch(FROM_ONE, { OTHER_WAY: '3' });
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(timesAsked, patience).toBe(1);
  appendFileSync(join(folder, 'log'), 'rabbit@b is parted from this broker\n');
  await expect.poll(ended, patience).toBe(true);
  expect(timesAsked()).toBe(2);
});

test('one that is parted from one other goes on when that has ended after a while', async () => {
  await watch(FROM_ONE);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(timesAsked, patience).toBe(1);
  says('[]\n');
  await expect.poll(timesAsked, patience).toBe(2);
  expect(ended()).toBe(false);
});

test('one whose partition has ended goes on, and starts anew after the next one', async () => {
  await watch('[]\n');
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(timesAsked, patience).toBe(1);
  expect(ended()).toBe(false);
  says(FROM_BOTH);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
});

test('a partition is seen, however much the log says after it', async () => {
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), PARTED + 'and more\n'.repeat(300_000));
  await expect.poll(ended, patience).toBe(true);
});

test('a partition is seen in a log that was begun anew', async () => {
  appendFileSync(join(folder, 'log'), 'of yesterday\n'.repeat(100));
  await watch(FROM_BOTH);
  writeFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
});

test('a broker that does not say whether it is parted is asked again', async () => {
  await watch(NO_ANSWER);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(timesAsked, patience).toBeGreaterThan(0);
  expect(ended()).toBe(false);
  says(FROM_BOTH);
  await expect.poll(ended, patience).toBe(true);
});

/** As RabbitMQ's log has it, and as `list_queues name members online` prints it. */
const FULL = '  exception exit: {{badmatch,{error,enospc}},\n';
const ALARM = "[warning] <0.1.0> disk resource limit alarm cleared on node 'rabbit@a'\n";
const ALL = '[rabbit@a, rabbit@b, rabbit@c]';
const WHOLE = `first\t${ALL}\t${ALL}\n`;
const ENDED = `${WHOLE}second\t${ALL}\t[rabbit@b, rabbit@c]\n`;

test('one whose copy of a queue has ended when its disk was full starts anew', async () => {
  copiesAre(ENDED);
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), ALARM);
  await expect.poll(ended, patience).toBe(true);
  expect(said).toContain('starts anew: its disk was full, and its copies have ended of: second\n');
});

test('one that does not say which copies it has is asked again', async () => {
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), ALARM);
  await expect.poll(timesListed, patience).toBeGreaterThan(1);
  copiesAre(ENDED);
  await expect.poll(ended, patience).toBe(true);
});

test('one whose disk was full when its log met that starts anew when there is room, without a question', async () => {
  copiesAre(WHOLE);
  roomIs(0);
  await watch(FROM_BOTH, { SETTLE: '1' });
  appendFileSync(join(folder, 'log'), FULL);
  await new Promise((resolve) => setTimeout(resolve, 500)); // it has looked some times
  roomIs(1000);
  await expect.poll(ended, patience).toBe(true);
  expect(said).toContain('starts anew: its disk was full\n');
  expect(timesListed()).toBe(0);
});

test('while there is no room it goes on', async () => {
  copiesAre(ENDED);
  roomIs(0);
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), FULL + PARTED);
  await expect.poll(ended, patience).toBe(true);
  expect(said).toContain('starts anew: it is parted');
  expect(timesListed()).toBe(0);
});

test.each([
  ['after an alarm one with all of its copies goes on', ALARM, WHOLE],
  ['one that has never had a copy of a queue goes on', ALARM, 'second\t[rabbit@b, rabbit@c]\t[rabbit@b, rabbit@c]\n'],
  ['one with room, and all of its copies, goes on: it was the disk of another one', FULL, WHOLE],
])('%s', async (_, line, copies) => {
  copiesAre(copies);
  await watch(FROM_BOTH);
  appendFileSync(join(folder, 'log'), line);
  await expect.poll(timesListed, patience).toBe(1);
  appendFileSync(join(folder, 'log'), PARTED);
  await expect.poll(ended, patience).toBe(true);
  expect(said).not.toContain('disk');
});

test('one that takes no connection for too long starts anew; what its log said before is not asked about', async () => {
  port.close();
  await watch('[]\n', { DEAF: '0' });
  await expect.poll(ended, patience).toBe(true);
  expect(timesAsked()).toBe(0);
});

test('one that is slow to come up gets twice the time after each restart, until it takes connections', async () => {
  const { port: number } = port.address() as { port: number };
  const restarts = () => [...said.matchAll(/for (\d+) seconds/g)].map(([, seconds]) => seconds);
  await watch('[]\n', { DEAF: '1' });
  port.close();
  await expect.poll(restarts, patience).toEqual(['1']);
  begin();
  await expect.poll(restarts, patience).toEqual(['1', '2']);
  const heard = once(port, 'connection');
  port.listen(number, '127.0.0.1');
  await heard;
  port.close();
  begin();
  await expect.poll(restarts, patience).toEqual(['1', '2', '1']);
});
