import { type Outcome, outcomeOf, type SentOrder } from './orders.ts';

export interface Row {
  id: number;
  userId: number;
  numberOfItems: number;
  totalAmount: string;
}

export interface Books {
  orders: Iterable<SentOrder>;
  rows: Row[];
  /** Messages that nobody has taken off the queue. */
  queued: number;
  deadLetters: DeadLetter[];
  /** Contents that can never be an order, put into the queue by hand, and whether the broker confirmed each. */
  poison: Map<string, boolean>;
}

export interface DeadLetter {
  content: string;
  reason: string;
}

export interface Balance {
  /** One sentence for each order or message that is not as promised. Empty: the promise was kept. */
  wrong: string[];
  outcomes: Record<Outcome, { orders: number; rows: number }>;
}

/** Compares what clients were told with what is stored. */
export function balance({ orders, rows, queued, deadLetters, poison }: Books): Balance {
  const wrong: string[] = [];
  const outcomes: Balance['outcomes'] = {
    stored: { orders: 0, rows: 0 },
    unknown: { orders: 0, rows: 0 },
    refused: { orders: 0, rows: 0 },
    wrong: { orders: 0, rows: 0 },
  };
  const rowsOf = Map.groupBy(rows, ({ userId }) => userId);

  for (const order of orders) {
    const own = rowsOf.get(order.userId) ?? [];
    rowsOf.delete(order.userId);
    const outcome = outcomeOf(order);
    outcomes[outcome].orders++;
    outcomes[outcome].rows += own.length;
    wrong.push(...objections(order, outcome, own).map((objection) => `${describe(order)}: ${objection}.`));
  }
  for (const strangers of rowsOf.values()) {
    wrong.push(...strangers.map((row) => `Row ${row.id} (user ${row.userId}): nobody sent this order.`));
  }

  if (queued > 0) wrong.push(`${queued} messages are still in the queue.`);
  const parked = new Set<string>();
  for (const { content, reason } of deadLetters) {
    if (poison.has(content)) parked.add(content);
    else wrong.push(`In the dead letters, though it is an order: ${content.slice(0, 200)} (${reason})`);
  }
  for (const [content, confirmed] of poison) {
    if (confirmed && !parked.has(content)) wrong.push(`Neither an order nor in the dead letters, and so lost: ${content}`);
  }
  return { wrong, outcomes };
}

function objections(order: SentOrder, outcome: Outcome, rows: Row[]): string[] {
  const found: string[] = [];
  if (outcome === 'wrong') {
    const { status, type } = order.answers.find(({ status }) => status !== 200 && status !== 503 && status !== 'none')!;
    found.push(`it was answered ${status} (${type})`);
  }
  if (outcome === 'stored' && rows.length === 0) found.push('it was answered 200 and is not stored');
  if (outcome === 'refused' && rows.length > 0) found.push('its client was told that it was not taken, and it is stored');
  if (rows.length > 1) found.push(`it is stored ${rows.length} times (rows ${rows.map(({ id }) => id).join(', ')})`);
  if (order.key && outcome !== 'stored')
    found.push(`it was sent ${order.answers.length} times with its key and never answered 200`);
  const messageIds = new Set(order.answers.flatMap(({ messageId }) => messageId ?? []));
  if (messageIds.size > 1) found.push(`one key got several message ids (${[...messageIds].join(', ')})`);
  for (const row of rows) {
    if (row.numberOfItems !== order.numberOfItems || row.totalAmount !== order.totalAmount) {
      found.push(`row ${row.id} holds ${row.numberOfItems} items for ${row.totalAmount}`);
    }
  }
  return found;
}

function describe({ userId, numberOfItems, totalAmount, key, answers }: SentOrder): string {
  const told = answers.map(({ status, type }) => (type ? `${status} ${type.replace(/^.*:/, '')}` : status));
  return `Order of user ${userId} (${numberOfItems} items for ${totalAmount}, ${key ? `key ${key}` : 'no key'}, answers: ${told.join(', ')})`;
}
