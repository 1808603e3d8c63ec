import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Node, PORTS } from './layout.ts';
import { isSince, type Tools } from './tools.ts';

/** Whether it has ever been a member: one that found nobody has a folder, and no log. */
export const isMember = (node: Node): boolean => existsSync(join(node.folder, 'etcd', 'member', 'wal'));

export const peerUrl = ({ address }: Node): string => `http://${address}:${PORTS.etcdPeers}`;

interface Member {
  ID: string;
  peerURLs: string[];
}

/**
 * Puts a node that has lost its data in the place of its former self, which nobody may be again
 * (https://etcd.io/docs/v3.4/op-guide/runtime-configuration/#replace-a-failed-machine). `remaining` is one of a majority that is up.
 */
export async function replaceMember(lost: Node, remaining: Node): Promise<void> {
  const ask = (path: string, body: object) => askEtcd(remaining, `cluster/member/${path}`, body);
  const { members } = (await ask('list', {})) as { members: Member[] };
  const former = members.find(({ peerURLs }) => peerURLs.includes(peerUrl(lost)));
  if (former) await ask('remove', { ID: former.ID });
  await ask('add', { peerURLs: [peerUrl(lost)] });
}

/**
 * Before 3.0.3 Patroni writes the leader's key by etcd's API 3 without a look at who has it: a primary that was frozen takes it from
 * its successor when it goes on, and what was committed meanwhile is lost (seen; https://github.com/patroni/patroni/pull/2689).
 * By API 2 it asks.
 */
export const etcdApi = (tools: Tools): 'etcd' | 'etcd3' => (isSince('3.0.3', tools) ? 'etcd3' : 'etcd');

/** Where Patroni keeps who leads: `/namespace/scope/leader`. */
const LEADER = '/service/crud-master/leader';

/** For a node whose Patroni was ended: its lease would last for another 20 s. Nothing happens when it does not hold it. */
export async function giveLeaseBack(tools: Tools, node: Node, by: Node): Promise<void> {
  if (etcdApi(tools) === 'etcd') {
    const url = `http://${by.address}:${PORTS.etcd}/v2/keys${LEADER}?prevValue=${node.name}`;
    await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(5000) });
    return;
  }
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const key = base64(LEADER);
  await askEtcd(by, 'kv/txn', {
    compare: [{ key, target: 'VALUE', result: 'EQUAL', value: base64(node.name) }],
    success: [{ request_delete_range: { key } }],
  });
}

/** By API 3: https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ */
async function askEtcd({ name, address }: Node, path: string, body: object): Promise<unknown> {
  const url = `http://${address}:${PORTS.etcd}/v3/${path}`;
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`etcd of ${name} answers ${answer.status}: ${await answer.text()}`);
  return await answer.json();
}
