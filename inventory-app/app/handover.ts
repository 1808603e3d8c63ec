import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { sqlState } from './query-errors.ts';

/** Milliseconds between two attempts. */
const PAUSE = 25;

type Connected = Parameters<Parameters<pg.Pool['connect']>[0]>;

/** What pg-pool says to whom no connection became free: all may be busy, or wait for a primary that has no standby yet. */
const ALL_BUSY = 'timeout exceeded when trying to connect';

/**
 * A pool whose queries wait for a server that is away for a moment, as a primary is while another one takes its place. Nothing was sent
 * before there is a connection, so nothing can happen twice. It waits for the first `patience` milliseconds that the server is away,
 * and no query longer: when that has lasted longer, every query learns of it at once, and none piles up.
 */
export class PatientPool extends pg.Pool {
  readonly #patience: number;
  /** What ended a connection. When it comes with the answer before it, nobody else listens: the next query does not have the client yet. */
  readonly #lost = new WeakMap<pg.PoolClient, Error>();
  #awaySince: number | undefined;

  constructor(options: pg.PoolConfig, patience: number) {
    super(options);
    this.#patience = patience;
    this.on('connect', (client) => client.on('error', (error) => this.#lost.set(client, error)));
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: (...result: Connected) => void): void;
  override connect(callback?: (...result: Connected) => void): Promise<pg.PoolClient> | undefined {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, client.release),
      (error) => callback(error, undefined, () => {}),
    );
  }

  async #connect(): Promise<pg.PoolClient> {
    const began = performance.now();
    for (;;) {
      try {
        const client = await super.connect();
        const lost = this.#lost.get(client);
        if (!lost) {
          this.#awaySince = undefined;
          return client;
        }
        client.release(lost);
        throw lost;
      } catch (error) {
        if ((error as Error).message !== ALL_BUSY) this.#awaySince ??= performance.now();
        const since = Math.min(began, this.#awaySince ?? began);
        if (performance.now() - since >= this.#patience || this.ending) {
          waitedFor.add(error as Error);
          throw error;
        }
        await delay(PAUSE);
      }
    }
  }
}

/** No connection came of it: nothing is to be gained by another attempt. */
const waitedFor = new WeakSet<object>();

/**
 * What PostgreSQL says of a statement that has changed nothing: it stops, or it does not lead yet. One that has committed and waits for
 * its standby when it stops says nothing, its connection ends: nobody knows what has become of that statement, and it is not done again.
 */
const UNDONE = ['57P01', '25006']; // admin_shutdown, read_only_sql_transaction

/** What pg says of a statement whose connection ended, by itself or by a reset. */
const CUT_OFF = /^Connection terminated unexpectedly$|\b(ECONNRESET|EPIPE)\b/;

/**
 * Does it, and again for `patience` milliseconds while nothing has come of it because the database moves. What `onlyReads` is done again,
 * too, when its connection has ended in the middle, as HAProxy ends those to a standby that stops.
 */
export async function again<T>(work: () => Promise<T>, patience: number, onlyReads = false): Promise<T> {
  const until = performance.now() + patience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const { message, cause } = error as Error;
      const isOver = waitedFor.has(cause as object);
      const undone = UNDONE.includes(sqlState(error) ?? '') || (onlyReads && !isOver && CUT_OFF.test(message));
      if (!undone || performance.now() >= until) throw error;
      await delay(PAUSE);
    }
  }
}
