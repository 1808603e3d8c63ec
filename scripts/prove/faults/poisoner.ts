import type { Queues } from './queues.ts';

/** Puts messages into the queue that can never be an order, now and then. */
export function createPoisoner(queues: Queues) {
  const contents = new Map<string, Promise<boolean>>();
  return {
    put(): void {
      const number = contents.size + 1;
      const content = number % 2 === 0 ? `poison ${number}, not JSON` : JSON.stringify({ poison: number });
      contents.set(content, queues.put(content));
    },
    /** The contents, and whether the broker confirmed each. */
    async sent(): Promise<Map<string, boolean>> {
      const confirmed = await Promise.all(contents.values());
      return new Map([...contents.keys()].map((content, index) => [content, confirmed[index]!]));
    },
  };
}
