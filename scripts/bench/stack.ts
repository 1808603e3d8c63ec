import type { Environment } from '../local/environment.ts';
import { anyFreePort } from '../local/ports.ts';
import { type Report, startStack, stopStack } from '../local/stack.ts';
import { benchHome } from './contender.ts';

/** A stack beside the one of `npm start`: other folder, other ports. */
export async function startBenchStack(report: Report): Promise<Environment> {
  const ports = ['API_GATEWAY_PORT', 'INVENTORY_PORT', 'MOVIES_DB_PORT', 'RABBITMQ_PORT'];
  const own: Record<string, string | undefined> = { ...process.env };
  for (const name of ports) own[name] = String(await anyFreePort());
  own.ORDERS_DB_PORT = own.MOVIES_DB_PORT;
  return (await startStack(benchHome, own, report)).environment;
}

export const stopBenchStack = (report: Report) => stopStack(benchHome, report);
