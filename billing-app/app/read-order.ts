/** An order that `orders` can hold. The amount stays text: a JavaScript number would round it. */
export interface Order {
  userId: number;
  numberOfItems: number;
  totalAmount: string;
}

/** Why a message can never be an order: `kind` for programs, `reason` for the operator. */
export interface Unacceptable {
  kind: string;
  reason: string;
}

export type Reading = { order: Order } | { unacceptable: Unacceptable };

const MAX_INT4 = 2_147_483_647;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The order in a message's content, by the rules of the gateway: whatever passes there must pass here.
 * Each field may be a number or a numeric string; unknown fields are ignored.
 */
export function readOrder(content: Uint8Array): Reading {
  if (content.length === 0) return no('empty', 'The message is empty.');
  let text: string;
  try {
    text = utf8.decode(content);
  } catch {
    return no('not-utf8', 'The content is not valid UTF-8.');
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    return no('not-json', `The content is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return no('not-an-order', 'The content is JSON, but not one object with user_id, number_of_items and total_amount.');
  }
  const fields = body as Record<string, unknown>;
  const userId = positiveInteger(fields.user_id);
  const numberOfItems = positiveInteger(fields.number_of_items);
  const totalAmount = amount(fields.total_amount);
  if (userId !== undefined && numberOfItems !== undefined && totalAmount !== undefined) {
    return { order: { userId, numberOfItems, totalAmount } };
  }
  const problems = [
    userId === undefined && `user_id must be a whole number from 1 to ${MAX_INT4}`,
    numberOfItems === undefined && `number_of_items must be a whole number from 1 to ${MAX_INT4}`,
    totalAmount === undefined && 'total_amount must be an amount from 0 to 9999999999.99 with at most two decimals',
  ].filter(Boolean);
  return no('not-an-order', `The content is not an order: ${problems.join('; ')}.`);
}

function no(kind: string, reason: string): Reading {
  return { unacceptable: { kind, reason } };
}

function decimal(value: unknown): string | undefined {
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  return typeof value === 'string' ? value : undefined;
}

function positiveInteger(value: unknown): number | undefined {
  const text = decimal(value);
  if (text === undefined || !/^\d{1,20}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number <= MAX_INT4 ? number : undefined;
}

function amount(value: unknown): string | undefined {
  const text = decimal(value);
  return text !== undefined && /^\d{1,20}(\.\d{1,2})?$/.test(text) && Number(text) <= 9_999_999_999.99 ? text : undefined;
}
