import { checkoutMark, MARK_FIELD } from '@crud-master/plumbing/checkout-mark';
import type { StatusAddress } from '@crud-master/plumbing/status-server';
import { getAlone } from '../own-connection.ts';

/** Milliseconds that a process may take to tell: it has everything in memory. */
const PATIENCE = 700;

/** What a process of this checkout says at that path, or undefined where none does. */
export async function askProcess<T>({ host, port }: StatusAddress, path: string): Promise<T | undefined> {
  try {
    const { answer, body } = await getAlone({ host, port, path, signal: AbortSignal.timeout(PATIENCE) });
    const isOurs = answer.headers[MARK_FIELD] === checkoutMark;
    return isOurs && answer.statusCode === 200 ? (JSON.parse(body) as T) : undefined;
  } catch {
    return undefined;
  }
}

/** The addresses of so many processes of a service: each on the port after the one before. */
export const processesFrom = (first: StatusAddress | undefined, count: number): StatusAddress[] =>
  first ? Array.from({ length: count }, (_, i) => ({ host: first.host, port: first.port + i })) : [];
