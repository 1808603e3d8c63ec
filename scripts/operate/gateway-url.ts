import { loadEnvironment } from '@crud-master/plumbing/environment';
import { localHome } from '../run/stack/home.ts';
import { singleStack } from './operated-stack.ts';

export type Target = 'local' | 'vagrant';

/** Where the gateway of the local stack, or the one in its virtual machine, listens; of three equal machines, the address that clients have. */
export function gatewayUrl(target: Target): string {
  if (target === 'local') return singleStack(localHome()).gatewayUrl();
  const env = loadEnvironment(new URL('../../.env', import.meta.url), process.env);
  return `http://${clientsAddress(env)}:${env.API_GATEWAY_PORT}`;
}

export const clientsAddress = (env: Record<string, string | undefined>): string =>
  (env.TOPOLOGY === 'cluster' ? env.CLUSTER_IP : env.GATEWAY_VM_IP) ?? '';
