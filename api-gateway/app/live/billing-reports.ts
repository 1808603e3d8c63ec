import type { PartState } from '@crud-master/plumbing/health';
import type { StatusAddress } from '@crud-master/plumbing/status-server';
import { askProcess } from './processes.ts';

/** What a process of billing says of itself (billing-app/app/report.ts). */
export interface BillingReport {
  parts: Record<'broker' | 'database', PartState>;
  /** Messages that were delivered to it and are not acknowledged. */
  in_hand: number;
  /** Messages parked since it started, by kind. */
  parked: Record<string, number>;
  /** The newest dead letters, the newest first. */
  newest: ParkedMessage[];
}

export interface ParkedMessage {
  at: string;
  message_id: string;
  kind: string;
  reason: string;
}

/** What became of an order: it is in the table, it never can be, or it still waits. */
export type OrderState = { state: 'stored' } | { state: 'parked'; kind: string; reason: string } | { state: 'waiting' };

/** Orders that are followed at a time: each is a query for billing. */
const FOLLOWED = 20;

/** Asks billing's processes. */
export class BillingReports {
  readonly #processes: StatusAddress[];
  #following = 0;
  /** The most that have told at a time: so many are expected to. */
  #most = 0;

  constructor(processes: StatusAddress[]) {
    this.#processes = processes;
  }

  /** Of those that answer, and how many are expected to: those that are silent may be frozen. */
  async look(): Promise<{ reports: BillingReport[]; expected: number }> {
    const answers = await Promise.all(this.#processes.map((address) => askProcess<BillingReport>(address, '/state')));
    const reports = answers.filter((report) => report !== undefined);
    this.#most = Math.max(this.#most, reports.length);
    return { reports, expected: this.#most };
  }

  /** Undefined where billing does not say, or too many are followed. */
  async follow(messageId: string): Promise<OrderState | undefined> {
    if (this.#following >= FOLLOWED) return undefined;
    this.#following++;
    try {
      const path = `/orders/${encodeURIComponent(messageId)}`;
      const answers = await Promise.all(
        this.#processes.map((address) => askProcess<OrderState | { state: 'unknown' }>(address, path)),
      );
      const known = answers.filter((answer) => answer && answer.state !== 'unknown') as OrderState[];
      return known.find(({ state }) => state !== 'waiting') ?? known[0];
    } finally {
      this.#following--;
    }
  }
}
