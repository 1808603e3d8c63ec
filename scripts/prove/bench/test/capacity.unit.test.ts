import { expect, test } from 'vitest';
import { capacityTable } from '../capacity.ts';

const { rows } = capacityTable({
  film: { gateway: 50, inventory: 100, PostgreSQL: 50 },
  order: { gateway: 80, RabbitMQ: 100, billing: 10, PostgreSQL: 10 },
});

test('films grow with the processors', () => {
  expect(rows[0]).toEqual([
    'films',
    'gateway 50 µs, inventory 100 µs, PostgreSQL 50 µs',
    '10000/s (processes: gateway 1, inventory 1)',
    '40000/s (processes: gateway 2, inventory 4)',
    '160000/s (processes: gateway 8, inventory 16)',
    'the processors, inventory most of all',
  ]);
});

test('orders end at what one queue takes', () => {
  expect(rows[1]).toEqual([
    'orders',
    'gateway 80 µs, RabbitMQ 100 µs, billing 10 µs, PostgreSQL 10 µs',
    '10000/s (processes: gateway 1, billing 1)',
    '10000/s (processes: gateway 1, billing 1)',
    '10000/s (processes: gateway 1, billing 1)',
    'the processors, RabbitMQ most of all; from 2 processors on the one queue',
  ]);
});
