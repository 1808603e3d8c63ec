import { Pool } from 'undici';
import { expect } from 'vitest';
import { type Answer, contradictions } from './document.ts';

export interface Request {
  headers?: Record<string, string>;
  /** Sent as it is; anything but text and bytes is sent as JSON. */
  body?: unknown;
}

export interface ContractAnswer extends Answer {
  /** Undefined when the body is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the document's schemas have checked
  json: any;
}

export type Client = ReturnType<typeof createClient>;

/** A client whose every answer must be one that docs/openapi.yaml describes. */
export function createClient(origin: string) {
  const pool = new Pool(origin, { connections: 8 });

  async function call(method: string, path: string, { headers = {}, body }: Request = {}): Promise<ContractAnswer> {
    const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const type = body === undefined || 'content-type' in headers ? {} : { 'content-type': 'application/json' };
    const response = await pool.request({
      method: method as 'GET',
      path,
      headers: { ...type, ...headers },
      body: raw as string | Buffer | undefined,
    });
    const answer = { method, path, status: response.statusCode, headers: response.headers, text: await response.body.text() };
    expect(answer.headers['x-request-id'], 'X-Request-Id').toMatch(/^[\w.-]{1,64}$/);
    expect(contradictions(answer), `${method} ${path.slice(0, 100)} → ${answer.status} ${answer.text.slice(0, 500)}`).toEqual([]);
    return { ...answer, json: asJson(answer.text) };
  }

  return { call, close: () => pool.close() };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
