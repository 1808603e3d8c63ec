import { contradictions } from '../../../api-gateway/test/contract/document.ts';
import type { Reply } from './exchange.ts';
import type { Case } from './generate.ts';

/** What the gateway may answer before it knows what is asked for. */
const BEFORE_ROUTING = [400, 408, 413, 431];
/** What bytes at the place of a request may be answered at all. */
const POSSIBLE = [200, 201, 204, 400, 404, 405, 408, 413, 415, 422, 431];

/** Everything that is wrong with the answer to a case. */
export function judge({ bytes, request }: Case, reply: Reply | undefined): string[] {
  if (!reply) return request ? ['no answer'] : [];
  if (reply.status >= 500 || Number.isNaN(reply.status)) return [`status ${reply.status}`];
  if (!reply.complete) return [`an incomplete answer with status ${reply.status}`];
  const seen = request ?? requestIn(bytes);
  const path = seen?.path ?? '/';
  const answer = {
    ...reply,
    method: isHead({ bytes, request }) ? 'HEAD' : (seen?.method ?? 'GET'),
    path,
    text: reply.body.toString('utf8'),
  };
  // A path that is none of the document's is judged as one where nothing is.
  if (!seen || BEFORE_ROUTING.includes(reply.status)) {
    if (!POSSIBLE.includes(reply.status)) return [`status ${reply.status}`];
    return reply.status < 400 ? [] : problemsOf(answer);
  }
  return contradictions(answer);
}

/** An error without a place in the document still has to be problem details: those of a path that does not exist. */
function problemsOf(answer: Parameters<typeof contradictions>[0]): string[] {
  if (answer.method === 'HEAD') return [];
  const wrong = contradictions({ ...answer, path: '/', status: 404 });
  return wrong.filter((problem) => !problem.startsWith('problem status'));
}

/** Whether the answer has no body. A request line may end after its path: that was HTTP/0.9. */
export const isHead = ({ bytes, request }: Case) =>
  request ? request.method === 'HEAD' : /^(\r?\n)*HEAD /.test(bytes.toString('latin1', 0, 100));

/** Method and path, as far as the bytes begin with a request line that leaves no doubt. */
function requestIn(bytes: Buffer): { method: string; path: string } | undefined {
  const match = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1\r\n/.exec(bytes.toString('latin1', 0, 8192));
  return match ? { method: match[1]!, path: match[2]! } : undefined;
}
