import { problem } from '@crud-master/plumbing/problem';

const unavailable = (kind: string, detail: string) => problem(503, { kind, detail, headers: { 'Retry-After': '1' } });

/** The order was certainly not taken. */
const refused = (kind: string, reason: string, advice: string) =>
  Object.assign(unavailable(kind, `${reason} This order was not taken. ${advice}`), { notTaken: true });

const noBroker = (kind: string, reason: string, advice: string) =>
  refused(kind, `Orders cannot be taken at the moment: the message broker ${reason}.`, advice);

const SOON = 'Try again in a second.';
const LATER = 'Try again later.';

/** What the client is told, by what keeps its order from being published. */
export const orderProblems = {
  unreachable: () => noBroker('broker-unreachable', 'is not connected', SOON),
  silent: () => noBroker('broker-unreachable', 'does not answer', SOON),
  blocked: () => noBroker('broker-blocked', 'is out of memory or disk', LATER),
  refused: () =>
    noBroker('broker-refused', 'does not allow this gateway to publish them', 'Tell the operator, and try again later.'),
  full: () => refused('queue-full', 'The order queue is full.', LATER),
  missing: () => refused('queue-missing', 'The order queue does not exist at the moment.', 'Try again in a few seconds.'),
  overloaded: () => refused('overloaded', 'Too many orders are under way.', SOON),
  unknown: () =>
    unavailable(
      'outcome-unknown',
      'The message broker did not say whether it took this order. Send it again with the same Idempotency-Key: it will be stored once. Without such a key, see whether it was stored first.',
    ),
};

const kindOf = (error: Error) => (error as Error & { problem: { kind: string } }).problem.kind;

export const orderProblemKinds: string[] = [...new Set(Object.values(orderProblems).map((of) => kindOf(of())))];
