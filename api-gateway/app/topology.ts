import amqp from 'amqplib';
import rascal, { type BrokerConfig } from 'rascal';

export interface BrokerAddress {
  host: string;
  port: number;
  vhost: string;
  user: string;
  password: string;
  queue: string;
}

/** The one exchange that the gateway's broker user may publish to. */
export const ORDERS_EXCHANGE = 'billing';

/**
 * What the gateway needs of RabbitMQ. Exchange, queue and binding are made by whoever runs the broker
 * (scripts/rabbitmq) and by billing; the gateway's user may not declare anything.
 */
export function topology(address: BrokerAddress): BrokerConfig {
  return rascal.withDefaultConfig({
    vhosts: {
      [address.vhost]: {
        // `check` needs no permission, `assert` does.
        check: false,
        assert: false,
        connection: {
          hostname: address.host,
          port: address.port,
          vhost: encodeURIComponent(address.vhost),
          options: {
            heartbeat: 2, // seconds; a broker that does not answer is noticed within two to three of them
            channelMax: 10,
          },
          socketOptions: {
            timeout: 1000, // milliseconds, for connection and handshake together
            noDelay: true,
            // Not in the URL, where amqplib misreads some characters, and whose masked form in errors shows a part of the password.
            credentials: amqp.credentials.plain(address.user, address.password),
          },
          user: '',
          password: '',
        },
        // One channel carries all orders. Another try to open one comes soon (milliseconds).
        publicationChannelPools: { confirmPool: { max: 2, rejectionDelayMillis: 100 } },
        exchanges: { [ORDERS_EXCHANGE]: { assert: false, type: 'direct' } },
      },
    },
    // A broker that comes back is found within a second (milliseconds). Here, because Rascal ignores `retry` at the vhost's connection.
    defaults: { vhosts: { connection: { retry: { min: 200, max: 1000, factor: 1.5, strategy: 'exponential' } } } },
    publications: {
      // `mandatory`: an order that reaches no queue comes back, and is not answered 200.
      order: {
        vhost: address.vhost,
        exchange: ORDERS_EXCHANGE,
        routingKey: address.queue,
        confirm: true,
        options: { persistent: true, mandatory: true, contentType: 'application/json' },
      },
    },
  } as object) as BrokerConfig; // Rascal's types know neither noDelay nor `check`
}
