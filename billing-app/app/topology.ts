import amqp from 'amqplib';
import rascal, { type BrokerConfig } from 'rascal';

export interface BrokerAddress {
  host: string;
  port: number;
  vhost: string;
  user: string;
  password: string;
  queue: string;
  deadLetterQueue: string;
}

export const ORDERS_EXCHANGE = 'billing';
export const DEAD_LETTER_EXCHANGE = 'billing.dead';
export const DEAD_LETTER_PUBLICATION = 'dead letter';

/**
 * What billing needs of RabbitMQ, as data. Rascal declares it with every session, so that a queue, an exchange or a
 * binding that somebody deleted is back within seconds.
 *
 * Queues get no arguments: dead-letter exchange and limits are policies, the queue type is the virtual host's, and every
 * client that declares them plainly as durable agrees. `sockets` destroys every connection of the session when it aborts.
 */
export function topology(address: BrokerAddress, sockets: AbortSignal): BrokerConfig {
  const { queue, deadLetterQueue } = address;
  const config = {
    vhosts: {
      [address.vhost]: {
        connection: {
          hostname: address.host,
          port: address.port,
          vhost: encodeURIComponent(address.vhost),
          // Seconds: a broker that is frozen, or behind a cut cable, is noticed within two to three of them.
          options: { heartbeat: 2 },
          socketOptions: {
            timeout: 2000, // milliseconds for connection and handshake together
            noDelay: true,
            signal: sockets,
            // Not in the URL, where amqplib misreads some characters, and whose masked form in errors shows a part of the password.
            credentials: amqp.credentials.plain(address.user, address.password),
          },
          user: '',
          password: '',
        },
        // Dead letters are published one at a time on each channel: a flood of them needs several.
        publicationChannelPools: { confirmPool: { max: 10 } },
        exchanges: {
          // The only exchange that the gateway may publish to.
          [ORDERS_EXCHANGE]: { type: 'direct', options: { durable: true } },
          // The only exchange that billing may publish to.
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
      },
    },
    publications: {
      [DEAD_LETTER_PUBLICATION]: {
        vhost: address.vhost,
        exchange: DEAD_LETTER_EXCHANGE,
        routingKey: deadLetterQueue,
        // The original is acknowledged only after the broker has confirmed its copy in the dead letters.
        confirm: true,
        timeout: 10_000,
        options: { persistent: true, mandatory: true },
      },
    },
    // A lost connection ends the session; the next one starts from nothing, declarations included.
    defaults: { vhosts: { connection: { retry: false } } },
  };
  return rascal.withDefaultConfig(config as unknown as BrokerConfig);
}
