import { Pool } from 'undici';
import type { Film } from './films.ts';

/** Requests in flight at once: enough to keep the services busy, few enough that other clients do not notice. */
const CONCURRENCY = 16;

export interface Catalogue {
  /** Every film, one at a time, so that a large catalogue costs no memory. */
  films(): AsyncGenerator<Film>;
  add(films: Film[], added: (count: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** The catalogue behind a gateway. Throws an Error whose message says what the gateway answered. */
export function createCatalogue(gatewayUrl: string): Catalogue {
  const pool = new Pool(gatewayUrl, { connections: CONCURRENCY });
  return {
    async *films() {
      const { statusCode, body } = await pool.request({ method: 'GET', path: '/api/movies' });
      if (statusCode !== 200) throw refusal(statusCode, await body.text());
      body.setEncoding('utf8');
      for await (const element of arrayElements(body)) yield JSON.parse(element) as Film;
    },
    async add(films, added) {
      const waiting = films.values();
      let count = 0;
      let failed = false;
      const worker = async () => {
        for (const film of waiting) {
          if (failed) return;
          try {
            const { statusCode, body } = await pool.request({
              method: 'POST',
              path: '/api/movies',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(film),
            });
            const answer = await body.text();
            if (statusCode !== 201) throw refusal(statusCode, answer);
          } catch (error) {
            failed = true;
            throw error;
          }
          added(++count);
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    },
    close: () => pool.close(),
  };
}

function refusal(status: number, answer: string): Error {
  let detail = answer.slice(0, 200);
  try {
    detail = JSON.parse(answer).detail ?? detail;
  } catch {
    // Not from our gateway: its text says most.
  }
  return new Error(`The gateway answered ${status}: ${detail}`);
}

/** The text of each object of a JSON array of objects, as it arrives. Throws when the text ends before the array. */
export async function* arrayElements(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let element = '';
  let depth = 0;
  let inString = false;
  let escaped = false;
  let closed = false;
  for await (const chunk of chunks) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const character = chunk[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (character === '\\') escaped = true;
        else if (character === '"') inString = false;
      } else if (character === '"') {
        inString = true;
      } else if (character === '{') {
        if (depth++ === 0) start = i;
      } else if (character === '}') {
        if (--depth > 0) continue;
        yield element + chunk.slice(start, i + 1);
        element = '';
      } else if (character === ']' && depth === 0) {
        closed = true;
      }
    }
    if (depth > 0) element += chunk.slice(start);
  }
  if (!closed) throw new Error('The list of films ended before it was complete.');
}
