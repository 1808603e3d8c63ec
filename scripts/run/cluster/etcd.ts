import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Node, PORTS } from './layout.ts';

/** Whether it has ever been a member. */
export const isMember = (node: Node): boolean => existsSync(join(node.folder, 'etcd', 'member'));

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
  const ask = async (path: string, body: object) => {
    const url = `http://${remaining.address}:${PORTS.etcd}/v3/cluster/member/${path}`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`etcd of ${remaining.name} answers ${answer.status}: ${await answer.text()}`);
    return await answer.json();
  };
  const { members } = (await ask('list', {})) as { members: Member[] };
  const former = members.find(({ peerURLs }) => peerURLs.includes(peerUrl(lost)));
  if (former) await ask('remove', { ID: former.ID });
  await ask('add', { peerURLs: [peerUrl(lost)] });
}
