import { Pool } from 'undici';
import type { Answer, Order } from './orders.ts';

/** Milliseconds after which a client gives an answer up. */
const CLIENT_PATIENCE = 15_000;

export interface Gateway {
  /** One attempt. Never rejects. */
  post(order: Order): Promise<Answer>;
  /** The status of a search in the catalogue. Never rejects. */
  searchFilms(): Promise<Answer>;
  close(): Promise<void>;
}

export function connectGateway(port: number): Gateway {
  const pool = new Pool(`http://127.0.0.1:${port}`, { headersTimeout: CLIENT_PATIENCE, bodyTimeout: CLIENT_PATIENCE });

  async function ask(options: {
    method: 'GET' | 'POST';
    path: string;
    headers?: Record<string, string>;
    body?: string;
  }): Promise<Answer> {
    const sent = Date.now();
    try {
      const { statusCode, body } = await pool.request(options);
      const answer = (await body.json()) as { type?: string; message_id?: string };
      return { status: statusCode, type: answer.type, messageId: answer.message_id, sent, took: Date.now() - sent };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { status: 'none', type: code ?? message, sent, took: Date.now() - sent };
    }
  }

  return {
    post: ({ userId, numberOfItems, totalAmount, key }) =>
      ask({
        method: 'POST',
        path: '/api/billing',
        headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': `"${key}"` }) },
        // As the exercise sends them: strings.
        body: JSON.stringify({ user_id: String(userId), number_of_items: String(numberOfItems), total_amount: totalAmount }),
      }),
    searchFilms: () => ask({ method: 'GET', path: '/api/movies?title=prove' }),
    close: () => pool.destroy(),
  };
}
