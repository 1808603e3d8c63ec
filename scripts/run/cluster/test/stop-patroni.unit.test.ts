import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
let patroni: ChildProcess;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stop-patroni-'));
  copyFileSync(join(import.meta.dirname, '..', 'stop-patroni.sh'), join(folder, 'stop-patroni.sh'));
  patroni = spawn('sleep', ['600']); // what stands for it
});
afterEach(() => {
  patroni.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A command that notes what it was called with, and then does that. */
function stub(name: string, does: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\necho "$*" >>${folder}/${name}.calls\n${does}\n`);
  chmodSync(join(folder, name), 0o755);
}
const calls = (name: string) =>
  existsSync(join(folder, `${name}.calls`))
    ? readFileSync(join(folder, `${name}.calls`), 'utf8')
        .trim()
        .split('\n')
    : [];

interface Cluster {
  pid?: string;
  paused?: boolean;
  /** What hand-over.sh says. */
  handedOver?: string;
  /** How often etcd refuses. */
  refusals?: number;
}

/** Calls the script. The second of two others leads when it is asked for the second time. */
function stop({ pid = String(patroni.pid), paused = false, handedOver = 'stopped', refusals = 0 }: Cluster) {
  stub('hand-over.sh', `echo ${handedOver}`);
  stub('etcdctl', `cat >${folder}/transaction; [ "$(wc -l <${folder}/etcdctl.calls)" -gt ${refusals} ]`);
  stub(
    'curl',
    `case $* in
      *:1/patroni) echo '{"state": "running"${paused ? ', "pause": true' : ''}}' ;;
      *:3/primary) [ "$(grep -c :3/primary ${folder}/curl.calls)" -ge 2 ] ;;
      *) exit 22 ;;
    esac`,
  );
  const words = [pid, 'node-1', '/data', 'http://e:1,http://e:2', 'http://p:1', 'http://p:2', 'http://p:3'];
  const { status, stdout } = spawnSync(join(folder, 'stop-patroni.sh'), words, {
    env: { PATH: `${folder}:${process.env.PATH}` },
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout;
}

const isKilled = () => expect.poll(() => patroni.signalCode).toBe('SIGKILL');
const goesOn = () => {
  expect(patroni.signalCode).toBeNull();
  expect(calls('etcdctl')).toEqual([]);
};

test('PostgreSQL stops, Patroni ends, its lease goes back if it is still its own, and another one leads', async () => {
  stop({});
  expect(calls('hand-over.sh')).toEqual(['/data']);
  await isKilled();
  expect(calls('etcdctl')).toHaveLength(1);
  expect(readFileSync(join(folder, 'transaction'), 'utf8')).toBe(
    'value("/service/crud-master/leader") = "node-1"\n\ndel /service/crud-master/leader\n\n\n',
  );
  expect(calls('curl').filter((line) => line.endsWith(':3/primary'))).toHaveLength(2);
});

test('where Patroni has ended by itself nothing happens', () => {
  stop({ pid: '' });
  expect(calls('hand-over.sh')).toEqual([]);
  goesOn();
});

test('a paused Patroni leaves PostgreSQL alone', () => {
  stop({ paused: true });
  expect(calls('hand-over.sh')).toEqual([]);
  goesOn();
});

test('a PostgreSQL that follows, or has not stopped, is left to Patroni', () => {
  stop({ handedOver: '' });
  goesOn();
});

test('an etcd that refuses is asked again', async () => {
  expect(stop({ refusals: 2 })).toBe('');
  expect(calls('etcdctl')).toHaveLength(3);
  await isKilled();
});

test('when it does not take the lease back nobody waits for another one to lead', () => {
  expect(stop({ refusals: 9 })).toMatch(/^etcd did not take the lease back: .* 20 s after its last renewal\n$/);
  expect(calls('curl').some((line) => line.endsWith('/primary'))).toBe(false);
});
