import { createRandom } from '../random.ts';

/** An order, and how its client behaves. */
export interface Order {
  /** Found in no other order of the run: this is how its row is recognised. */
  userId: number;
  numberOfItems: number;
  totalAmount: string;
  /** With an Idempotency-Key the client tries again until it gets 200; without one it takes the first answer. */
  key?: string;
  /** The client sends it once more after the 200, as if that had got lost. */
  again: boolean;
}

/** What one attempt came to. `none`: no answer at all, the connection broke or the client lost patience. */
export interface Answer {
  status: number | 'none';
  /** The problem's `type`, or why there was no answer. */
  type?: string;
  messageId?: string;
  /** Milliseconds since the epoch, of the request. */
  sent: number;
  /** Milliseconds. */
  took: number;
}

export interface SentOrder extends Order {
  answers: Answer[];
}

const WITH_KEY = 0.6;
const SENT_AGAIN = 0.2;

/** Orders without end: what is in them, and how their clients behave, follows from the seed. */
export function* orders(seed: string): Generator<Order, never> {
  const random = createRandom(`orders ${seed}`);
  for (let userId = 1; ; userId++) {
    const key = random.fraction() < WITH_KEY;
    yield {
      userId,
      numberOfItems: random.between(1, 99),
      totalAmount: (random.between(0, 10_000_000) / 100).toFixed(2),
      ...(key && { key: `${seed}/${userId}` }),
      again: random.fraction() < SENT_AGAIN && key,
    };
  }
}

/**
 * What the client knows at the end. `stored`: it was told 200. `refused`: every answer said that the order was not taken.
 * `unknown`: an attempt ended without an answer, or with one that says that nobody knows. `wrong`: any other answer.
 */
export type Outcome = 'stored' | 'refused' | 'unknown' | 'wrong';

export function outcomeOf({ answers }: SentOrder): Outcome {
  if (answers.some(({ status }) => status !== 200 && status !== 503 && status !== 'none')) return 'wrong';
  if (answers.some(({ status }) => status === 200)) return 'stored';
  if (answers.some(leavesDoubt)) return 'unknown';
  return 'refused';
}

function leavesDoubt({ status, type }: Answer): boolean {
  return status === 'none' || type === 'urn:crud-master:problem:outcome-unknown';
}
