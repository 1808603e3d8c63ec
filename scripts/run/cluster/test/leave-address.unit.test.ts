import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', 'leave-address.sh');
const IDLE = '0 0 192.168.56.20:3000 192.168.56.1:50001';
const NEW = '0 0 192.168.56.20:3000 192.168.56.1:50002';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leave-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A command that notes that it was called, and then does that. */
function stub(name: string, does = ''): void {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n[ ${name} = ss ] || echo "${name} $*" >>${folder}/done\n${does}\n`);
  chmodSync(file, 0o755);
}

/** What the script does, in a system that has the address or not, and these connections: one look after the other, the last one for good. */
function leave({ has = true, connections = [''] }: { has?: boolean; connections?: string[] }): {
  done: string[];
  said: string;
} {
  connections.forEach((look, index) => {
    writeFileSync(join(folder, `look-${index}`), look && `${look}\n`);
  });
  stub('ip', has ? 'echo 2: eth1 inet 192.168.56.20/24' : '');
  for (const name of ['node', 'nft', 'systemctl']) stub(name);
  stub('sleep');
  const last = connections.length - 1;
  stub(
    'ss',
    `n=$(cat ${folder}/looks 2>/dev/null || echo 0); echo $((n + 1)) >${folder}/looks
    [ $n -le ${last} ] || n=${last}
    cat ${folder}/look-$n`,
  );
  const { status, stderr } = spawnSync(SCRIPT, ['192.168.56.20', '3000', 'leaving'], {
    env: { PATH: `${folder}:${process.env.PATH}` },
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const said = readFileSync(join(folder, 'done'), 'utf8');
  const done = said.match(/^(ip|node|nft|systemctl|sleep) .*/gm)!;
  return { done: done.map((line) => line.split(' ')[0]!), said };
}

test('a node without the address does nothing', () => {
  expect(leave({ has: false }).done).toEqual(['ip']);
});

test('what it tells HAProxy is what its file waits for, and what it drops is who begins', () => {
  const { said } = leave({});
  expect(said).toMatch(/add acl virt@leaving 192\.168\.56\.20\n/);
  const proxy = readFileSync(join(import.meta.dirname, '../../machines/haproxy.sh'), 'utf8');
  expect(proxy).toContain('Connection close if { dst -f virt@leaving }');
  expect(said).toContain('ip daddr 192.168.56.20 tcp dport 3000 tcp flags & (syn | ack) == syn drop');
  expect(said).toContain('systemctl kill --kill-whom=main --signal=USR2 haproxy');
});

test('without clients it tells HAProxy, closes the door, and is done', () => {
  expect(leave({}).done).toEqual(['ip', 'node', 'nft', 'systemctl']);
});

test('waits with the door until who was there has ended, whoever has come since, and then for these', () => {
  const { done } = leave({ connections: [IDLE, IDLE, NEW, NEW, ''] });
  expect(done).toEqual(['ip', 'node', 'sleep', 'nft', 'systemctl', 'sleep']);
});

test('waits for nobody for longer than its limits', () => {
  const { done } = leave({ connections: [IDLE] });
  expect(done.filter((word) => word === 'sleep')).toHaveLength(40);
  expect(done.filter((word) => word !== 'sleep')).toEqual(['ip', 'node', 'nft', 'systemctl']);
});
