import type { StatusAddress } from '@crud-master/plumbing/status-server';
import { type Day, type History, sumDays, sumHistories } from './history.ts';
import { askProcess } from './processes.ts';
import type { Portion } from './traffic.ts';

/** The other processes of this gateway, on this computer: each counts what it answers itself. */
export class Siblings {
  readonly #others: StatusAddress[];

  constructor(others: StatusAddress[]) {
    this.#others = others;
  }

  /** What the others count now, as far as they say. */
  portions = () => this.#ask<Portion>('/traffic');

  /** This process's history, and that of the others. */
  history = async (own: History): Promise<History> => sumHistories(own, await this.#ask<History>('/history'));

  day = async (own: Day): Promise<Day> => sumDays(own, await this.#ask<Day>('/day'));

  async #ask<T>(path: string): Promise<T[]> {
    const answers = await Promise.all(this.#others.map((address) => askProcess<T>(address, path)));
    return answers.filter((answer) => answer !== undefined);
  }
}
