import type { Topology } from '@crud-master/messaging/broker-connection';
import { DEAD_LETTER_EXCHANGE, ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';

export const DEAD_LETTER_PUBLICATION = 'dead letter';

/**
 * What billing needs of RabbitMQ, as data. Rascal declares it with every session. A queue that somebody deleted is back within
 * seconds, as that ends the session; an exchange or a binding comes back with the next one.
 *
 * Queues get no arguments: dead-letter exchange and limits are policies, the queue type is the virtual host's, and every
 * client that declares them plainly as durable agrees.
 */
export function topology({ queue, deadLetterQueue }: { queue: string; deadLetterQueue: string }): Topology {
  const deadLetters = {
    exchange: DEAD_LETTER_EXCHANGE,
    routingKey: deadLetterQueue,
    // The original is acknowledged only after the broker has confirmed its copy in the dead letters.
    confirm: true,
    timeout: 10_000, // milliseconds
    options: { persistent: true, mandatory: true },
  };
  return {
    // Dead letters are published one at a time on each channel: a flood of them needs several.
    publicationChannelPools: { confirmPool: { max: 50 } },
    exchanges: {
      [ORDERS_EXCHANGE]: { type: 'direct', options: { durable: true } },
      [DEAD_LETTER_EXCHANGE]: { type: 'direct', options: { durable: true } },
    },
    queues: {
      [queue]: { options: { durable: true } },
      [deadLetterQueue]: { options: { durable: true } },
    },
    bindings: {
      orders: { source: ORDERS_EXCHANGE, destination: queue, bindingKey: queue },
      deadLetters: { source: DEAD_LETTER_EXCHANGE, destination: deadLetterQueue, bindingKey: deadLetterQueue },
    },
    publications: { [DEAD_LETTER_PUBLICATION]: deadLetters },
  };
}
