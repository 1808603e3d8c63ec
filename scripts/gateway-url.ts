import { loadEnvironment } from '@crud-master/plumbing/environment';

export type Target = 'local' | 'vm';

/** Where the gateway of the local stack, or the one in its virtual machine, listens. */
export function gatewayUrl(target: Target): string {
  const env = loadEnvironment(new URL('../.env', import.meta.url), process.env);
  const host = target === 'vm' ? env.GATEWAY_VM_IP : '127.0.0.1';
  return `http://${host}:${env.API_GATEWAY_PORT}`;
}
