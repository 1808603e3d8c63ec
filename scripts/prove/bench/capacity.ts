import type { Table } from './question.ts';

/** Microseconds of processor time for each of a kind of work, by the part of the system that takes it. */
export interface Costs {
  film: Record<string, number>;
  order: Record<string, number>;
}

const PROCESSORS = [2, 8, 32];

/**
 * What computers of so many processors take, if a part costs the same on each of them. Gateway, inventory and billing have as many
 * processes as that needs, PostgreSQL one for each connection. A queue is one process inside of RabbitMQ, so it ends at one
 * processor's worth of what RabbitMQ does for an order, or later, because not all of that is the queue's.
 */
export function capacityTable({ film, order }: Costs): Table {
  const columns = ['', 'costs', ...PROCESSORS.map((count) => `${count} processors`), 'what gives out first'];
  return {
    title: 'What one computer takes, calculated from these costs',
    columns,
    rows: [row('films', film), row('orders', order)],
  };
}

function row(what: string, costs: Record<string, number>): string[] {
  const parts = Object.entries(costs);
  const sum = parts.reduce((total, [, cost]) => total + cost, 0);
  const queue = costs.RabbitMQ ? 1e6 / costs.RabbitMQ : Number.POSITIVE_INFINITY;
  const [dearest] = parts.toSorted(([, one], [, other]) => other - one)[0]!;
  const rates = PROCESSORS.map((count) => Math.min((count * 1e6) / sum, queue));
  return [
    what,
    parts.map(([name, cost]) => `${name} ${cost.toFixed(0)} µs`).join(', '),
    ...rates.map((rate, i) => cell(rate, PROCESSORS[i]!, costs)),
    rates.at(-1) === queue
      ? `the processors, ${dearest} most of all; from ${Math.ceil((queue * sum) / 1e6)} processors on the one queue`
      : `the processors, ${dearest} most of all`,
  ];
}

/** The rate, and the processes that it needs of each service. */
function cell(rate: number, processors: number, costs: Record<string, number>): string {
  const needed = ['gateway', 'inventory', 'billing']
    .filter((name) => costs[name] !== undefined)
    .map((name) => `${name} ${Math.min(processors, Math.ceil((rate * costs[name]!) / 1e6))}`);
  return `${rate.toFixed(0)}/s (processes: ${needed.join(', ')})`;
}
