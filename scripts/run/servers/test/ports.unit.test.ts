import { expect, test } from 'vitest';
import { saysTaken } from '../ports.ts';

test.each([
  ['PostgreSQL', 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use'],
  [
    'RabbitMQ, of its clients',
    'Failed to start Ranch listener … in ranch_tcp:listen(…) for reason eaddrinuse (address already in use)',
  ],
  ['RabbitMQ, of its nodes', 'reason: {dist_port_already_used,18788,not_erlang,"localhost"}'],
])('the log of %s tells that a port is taken', (_, log) => {
  expect(saysTaken(log)).toBe(true);
});

test('another reason is not taken for it', () => {
  expect(saysTaken('{failed_to_start_child,ra_log_wal,wal_checksum_validation_failure}')).toBe(false);
});
