import { createHash, randomUUID } from 'node:crypto';
import { problem } from '@crud-master/plumbing/problem';

/**
 * The key in an `Idempotency-Key` header field, or undefined without one. The draft's quoted form and the bare form that
 * most clients send are the same key (draft-ietf-httpapi-idempotency-key-header, section 2.1). Throws 400.
 */
export function idempotencyKey(field: string | string[] | undefined): string | undefined {
  if (field === undefined) return undefined;
  const key = typeof field === 'string' ? (/^"(.*)"$/.exec(field)?.[1] ?? field) : '';
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw problem(400, {
    kind: 'bad-idempotency-key',
    detail: 'Idempotency-Key must be one value of 1 to 255 visible ASCII characters, a UUID for example.',
  });
}

/**
 * The message id of an order: random, or the same for the same key on every gateway and after every restart
 * (a UUID of version 8, RFC 9562, section 5.8, from the key's SHA-256).
 */
export function messageId(key: string | undefined): string {
  if (key === undefined) return randomUUID();
  const hash = createHash('sha256').update('crud-master order ').update(key).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** An order under a key: one or more requests with the same content. */
interface Use {
  contentHash: string;
  underWay: number;
  /** Whether one of them was taken, or may have been. */
  taken: boolean;
}

/**
 * Remembers the content that the newest keys came with, to tell a client at once that it used one for two orders. A key whose
 * order was refused is free again. What this memory has forgotten, or another gateway has seen, billing still refuses: it keeps
 * the ids of what it stored.
 */
export class RecentKeys {
  readonly #uses = new Map<string, Use>();
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Publishes under the id, and holds it from now on unless `publish` rejects with `notTaken`. Throws 422 when another order holds it. */
  async publish(id: string, content: Buffer, publish: () => Promise<void>): Promise<void> {
    const use = this.#hold(id, createHash('sha256').update(content).digest('base64'));
    try {
      await publish();
      use.taken = true;
    } catch (error) {
      if (!(error as { notTaken?: boolean }).notTaken) use.taken = true;
      throw error;
    } finally {
      use.underWay--;
      if (!use.taken && use.underWay === 0 && this.#uses.get(id) === use) this.#uses.delete(id);
    }
  }

  #hold(id: string, contentHash: string): Use {
    const use = this.#uses.get(id) ?? { contentHash, underWay: 0, taken: false };
    if (use.contentHash !== contentHash) {
      throw problem(422, {
        kind: 'idempotency-key-reused',
        detail: 'This Idempotency-Key was used for another order. Use a new key for a new order; the earlier one is unchanged.',
      });
    }
    use.underWay++;
    this.#uses.delete(id); // to the end of the map: used last
    this.#uses.set(id, use);
    if (this.#uses.size > this.#size) this.#uses.delete(this.#uses.keys().next().value!);
    return use;
  }
}
