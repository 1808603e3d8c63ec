import { randomUUID } from 'node:crypto';
import type { Client } from './client.ts';

/** Films that a test made, and that are deleted when it is over: the catalogue may be somebody's. */
export function createFilms({ call }: Client) {
  const ids = new Set<number>();
  return {
    async add(film: { title?: string; description?: string } = {}) {
      const answer = await call('POST', '/api/movies', { body: { title: `Contract ${randomUUID()}`, ...film } });
      if (answer.json?.id) ids.add(answer.json.id);
      return answer;
    },
    async removeAll() {
      await Promise.all([...ids].map((id) => call('DELETE', `/api/movies/${id}`)));
    },
  };
}
