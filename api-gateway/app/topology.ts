import type { Topology } from '@crud-master/messaging/broker-connection';
import { ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';

/**
 * What the gateway publishes to. Exchange, queue and binding are made by whoever runs the broker (scripts/run/servers/rabbitmq) and by
 * billing: the gateway's user may not declare anything, so that nothing is asserted here.
 */
export function topology(queue: string): Topology {
  return {
    exchanges: { [ORDERS_EXCHANGE]: { assert: false, type: 'direct', options: { durable: true } } },
    queues: { [queue]: { assert: false, options: { durable: true } } },
  };
}
