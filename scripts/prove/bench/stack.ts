import { anyFreePort } from '../../run/servers/ports.ts';
import type { Environment } from '../../run/stack/environment.ts';
import { startStack } from '../../run/stack/stack.ts';
import type { Report } from '../../run/terminal/report.ts';

/** A stack beside the one of `npm start`: other folder, other ports. */
export async function startOwnStack(home: string, report: Report): Promise<Environment> {
  const own: Record<string, string | undefined> = { ...process.env };
  for (const name of ['API_GATEWAY_PORT', 'INVENTORY_PORT', 'LOCAL_POSTGRES_PORT', 'LOCAL_RABBITMQ_PORT']) {
    own[name] = String(await anyFreePort());
  }
  return (await startStack(home, own, report)).environment;
}
