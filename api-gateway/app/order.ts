/** What is wrong with one field of an order. */
export interface FieldError {
  field: string;
  detail: string;
}

const MAX_INT4 = 2_147_483_647;

/**
 * Everything that keeps `body` from being an order; empty when it is one. Each field may be a number or a numeric string.
 * Billing holds every message to the same rules: whatever passes here must pass there.
 */
export function orderErrors(body: unknown): FieldError[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return [{ field: '', detail: 'must be one JSON object with user_id, number_of_items and total_amount' }];
  }
  const order = body as Record<string, unknown>;
  const errors: FieldError[] = [];
  for (const field of ['user_id', 'number_of_items']) {
    if (!isPositiveInteger(order[field])) errors.push({ field, detail: `must be a whole number from 1 to ${MAX_INT4}` });
  }
  if (!isAmount(order.total_amount)) {
    errors.push({
      field: 'total_amount',
      detail: 'must be an amount from 0 to 9999999999.99 with at most two decimals',
    });
  }
  return errors;
}

function decimal(value: unknown): string | undefined {
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  return typeof value === 'string' ? value : undefined;
}

function isPositiveInteger(value: unknown): boolean {
  const text = decimal(value);
  if (text === undefined || !/^\d{1,20}$/.test(text)) return false;
  const number = Number(text);
  return number >= 1 && number <= MAX_INT4;
}

function isAmount(value: unknown): boolean {
  const text = decimal(value);
  return text !== undefined && /^\d{1,20}(\.\d{1,2})?$/.test(text) && Number(text) <= 9_999_999_999.99;
}
