/** `ours` is what the question is about, `limit` what this stack, or this computer, could do at best. */
export type Role = 'ours' | 'peer' | 'limit';

/** What one start of a contender came to. */
export interface Turn {
  /** Requests or orders that were done while it was measured */
  units: number;
  failed: number;
  perSecond: number;
  /** Microseconds of processor time for a unit, of the process under test alone: in the program, and in the kernel for it */
  user: number;
  system: number;
  /** Bytes that the process held at the end */
  memory: number;
  /** Milliseconds until the answer, where there is one */
  p50?: number;
  p99?: number;
  /** Microseconds for a unit of the other processes that took part in it, by their names */
  alongside: Record<string, number>;
}

/** What is measured beside others. */
export interface Contender {
  name: string;
  role: Role;
  /** Starts it anew, measures it at work, and ends it. */
  turn(): Promise<Turn>;
}
