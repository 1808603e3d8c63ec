import { loadEnvironment } from '@crud-master/plumbing/environment';
import { localHome } from '../run/stack/home.ts';
import { singleStack } from './operated-stack.ts';

export type Target = 'local' | 'vagrant';

/** Where the gateway of the local stack, or the one in its virtual machine, listens. */
export function gatewayUrl(target: Target): string {
  if (target === 'local') return singleStack(localHome()).gatewayUrl();
  const env = loadEnvironment(new URL('../../.env', import.meta.url), process.env);
  return `http://${env.GATEWAY_VM_IP}:${env.API_GATEWAY_PORT}`;
}
