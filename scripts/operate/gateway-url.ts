import { loadEnvironment } from '@crud-master/plumbing/environment';
import { localEnvironment, savedEnvironment } from '../run/stack/environment.ts';
import { localHome } from '../run/stack/home.ts';

export type Target = 'local' | 'vagrant';

/** Where the gateway of the local stack, or the one in its virtual machine, listens. */
export function gatewayUrl(target: Target): string {
  if (target === 'vagrant') {
    const env = loadEnvironment(new URL('../../.env', import.meta.url), process.env);
    return `http://${env.GATEWAY_VM_IP}:${env.API_GATEWAY_PORT}`;
  }
  const env = savedEnvironment(localHome()) ?? localEnvironment(process.env);
  return `http://${env.API_GATEWAY_LISTEN_HOST!.split(',')[0]}:${env.API_GATEWAY_PORT}`;
}
