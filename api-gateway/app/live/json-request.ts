import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { checkoutMark, MARK_FIELD } from '@crud-master/plumbing/checkout-mark';

/** Where a process tells of itself (plumbing/status-server.ts). */
export interface StatusAddress {
  host: string;
  port: number;
}

/** Milliseconds that a process may take to tell: it has everything in memory. */
const PATIENCE = 700;

/** What a process says at that path, or undefined where it does not. On a connection of its own, so that none is left over. */
export async function askProcess<T>({ host, port }: StatusAddress, path: string): Promise<T | undefined> {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const request = get({ host, port, path, agent: false, signal }).on('error', () => {}); // `once` reports what fails before the answer, `json` what fails in it
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    const body = await json(answer);
    const isOurs = answer.headers[MARK_FIELD] === checkoutMark;
    return isOurs && answer.statusCode === 200 ? (body as T) : undefined;
  } catch {
    return undefined;
  }
}

/** The addresses of so many processes of a service: each on the port after the one before. */
export const processesFrom = (first: StatusAddress | undefined, count: number): StatusAddress[] =>
  first ? Array.from({ length: count }, (_, i) => ({ host: first.host, port: first.port + i })) : [];
