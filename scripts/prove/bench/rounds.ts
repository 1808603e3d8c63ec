import type { Contender, Role, Turn } from './contender.ts';

/** Connections of the load, the same for everyone. */
export const CONNECTIONS = 50;

export interface Plan {
  /** How often each contender is started. */
  starts: number;
  /** Seconds of load before what is measured, for the compiler to have seen the code. */
  warmUp: number;
  /** Seconds of load that are measured. */
  seconds: number;
}

export const planFor = ({ quick }: { quick: boolean }, starts = 5): Plan =>
  quick ? { starts: 2, warmUp: 0.5, seconds: 0.5 } : { starts, warmUp: 2, seconds: 2 };

/** Requests a second that any of the gateways can answer, so that all of them do the same work in the same time. */
export const FILMS_PER_SECOND = 5000;
export const ORDERS_PER_SECOND = 4000;

/** Of works at such a rate: they compare processor time, and need more of it for the same certainty. */
export const PACED: Plan = { starts: 5, warmUp: 8, seconds: 4 };

export interface Measured {
  name: string;
  role: Role;
  turns: Turn[];
}

/**
 * Every contender is started anew for its turn in every round: the same program can be fast in one start and slow in the next.
 * They take turns, so that what else the computer does hits them alike.
 */
export async function measure(contenders: Contender[], starts: number, say: (text: string) => void): Promise<Measured[]> {
  const measured = contenders.map(({ name, role }) => ({ name, role, turns: [] as Turn[] }));
  for (let round = 0; round < starts; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const n = (i + round) % contenders.length;
      measured[n]!.turns.push(await contenders[n]!.turn());
    }
    say(`start ${round + 1} of ${starts}`);
  }
  return measured;
}
