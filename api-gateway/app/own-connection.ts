import { once } from 'node:events';
import { get, type IncomingMessage, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';

/**
 * Gets that on a connection of its own, so that none is left over, and not through the films' pool: a second kind of request there makes
 * each film some per cent dearer. Rejects when the signal aborts.
 */
export async function getAlone(
  options: RequestOptions & { signal: AbortSignal },
): Promise<{ answer: IncomingMessage; body: string }> {
  // `once` reports what fails before the answer, `text` what fails in it.
  const request = get({ ...options, agent: false }).on('error', () => {});
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { answer, body: await text(answer) };
}
