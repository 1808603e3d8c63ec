import { Pool } from 'undici';

/** Milliseconds after which a client gives an answer up. */
const PATIENCE = 10_000;

const KINDS = ['order', 'film read', 'film write'] as const;
export type Kind = (typeof KINDS)[number];

interface Answered {
  at: number;
  /** 0 where the connection broke before an answer. */
  status: number;
  /** What a refusal is called, or nothing. */
  reason: string;
  took: number;
}

/** What clients saw of one kind of request. */
export class Account {
  readonly answers: Answered[] = [];

  /** Milliseconds of the longest time without a success that overlaps the time from `from` to `to`. */
  longestWithout(from: number, to: number): number {
    const successes = this.answers.filter(({ status }) => status >= 200 && status < 300).map(({ at }) => at);
    const marks = [from, ...successes.filter((at) => at >= from && at <= to), to];
    return marks.slice(1).reduce((longest, at, i) => Math.max(longest, at - marks[i]!), 0);
  }

  between(from: number, to: number): Answered[] {
    return this.answers.filter(({ at }) => at >= from && at <= to);
  }
}

export interface Clients {
  accounts: Record<Kind, Account>;
  /** The numbers of the orders that were answered 200. */
  confirmed: Set<number>;
  /** No request is under way after this. */
  stop(): Promise<void>;
}

/** The last part of a problem's type (RFC 9457, section 3.1.1), where it has one of our own. */
const reasonOf = (text: string): string => /"type":"urn:[\w:-]*:([\w-]+)"/.exec(text)?.[1] ?? '';

/** Clients that post orders, read a film and add films, without a pause, at the clients' address. `user`: whose orders they are. */
export function startClients(port: number, user: number): Clients {
  const pool = new Pool(`http://127.0.0.1:${port}`, { headersTimeout: PATIENCE, bodyTimeout: PATIENCE, connections: 32 });
  const accounts = { order: new Account(), 'film read': new Account(), 'film write': new Account() };
  const confirmed = new Set<number>();
  let [posted, running] = [0, true];

  async function ask(kind: Kind, method: 'GET' | 'POST', path: string, body?: object): Promise<boolean> {
    const began = performance.now();
    const answer = await pool
      .request({ method, path, headers: { 'content-type': 'application/json' }, body: body ? JSON.stringify(body) : null })
      .then(async ({ statusCode, body }) => ({ status: statusCode, reason: reasonOf(await body.text()) }))
      .catch(() => ({ status: 0, reason: '' }));
    accounts[kind].answers.push({ at: Date.now(), ...answer, took: performance.now() - began });
    return answer.status >= 200 && answer.status < 300;
  }

  const each = async (pause: number, work: () => Promise<unknown>) => {
    while (running) {
      await work();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  const order = async () => {
    const number = ++posted;
    if (await ask('order', 'POST', '/api/billing', { user_id: user, number_of_items: number, total_amount: '1.50' }))
      confirmed.add(number);
  };
  const work = [
    each(15, order),
    each(15, order),
    each(20, () => ask('film read', 'GET', '/api/movies?limit=1')),
    each(50, () => ask('film write', 'POST', '/api/movies', { title: 'prove' })),
  ];
  return {
    accounts,
    confirmed,
    async stop() {
      running = false;
      await Promise.all(work);
      await pool.destroy();
    },
  };
}
