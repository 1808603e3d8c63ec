import type { Environment } from '../local/environment.ts';
import { anyFreePort } from '../local/ports.ts';
import { type Report, startStack } from '../local/stack.ts';

/** A stack beside the one of `npm start`: other folder, other ports. */
export async function startOwnStack(home: string, report: Report): Promise<Environment> {
  const own: Record<string, string | undefined> = { ...process.env };
  for (const name of ['API_GATEWAY_PORT', 'INVENTORY_PORT', 'MOVIES_DB_PORT', 'RABBITMQ_PORT']) {
    own[name] = String(await anyFreePort());
  }
  own.ORDERS_DB_PORT = own.MOVIES_DB_PORT;
  return (await startStack(home, own, report)).environment;
}
