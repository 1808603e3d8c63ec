import amqp from 'amqplib';
import rascal, { type BrokerConfig, type VhostConfig } from 'rascal';

export interface BrokerAddress {
  /** Nodes of one broker, tried in this order. */
  nodes: { host: string; port: number }[];
  vhost: string;
  user: string;
  password: string;
}

/** A virtual host as Rascal's configuration describes it. How to get there is told by the address. */
export type Topology = Omit<VhostConfig, 'connection' | 'connections' | 'connectionStrategy'>;

/** Rascal's configuration. When `sockets` aborts, every connection that was made with it is destroyed. */
export function rascalConfig(
  { nodes, vhost, user, password }: BrokerAddress,
  topology: Topology,
  sockets: AbortSignal,
): BrokerConfig {
  const connections = nodes.map(({ host, port }) => ({
    hostname: host,
    port,
    vhost: encodeURIComponent(vhost),
    // Seconds: a broker that is frozen, or behind a cut cable, is noticed within two to three of them.
    options: { heartbeat: 2 },
    socketOptions: {
      timeout: 1000, // milliseconds for connection and handshake together
      noDelay: true,
      signal: sockets,
      // Not in the URL, where amqplib misreads some characters, and whose masked form in errors shows a part of the password.
      credentials: amqp.credentials.plain(user, password),
    },
    user: '',
    password: '',
  }));
  const config = {
    vhosts: { [vhost]: { ...topology, connections, connectionStrategy: 'fixed' } },
    // Here, because Rascal ignores `retry` at the vhost's connections.
    defaults: { vhosts: { connection: { retry: false } } },
  };
  return rascal.withDefaultConfig(config as unknown as BrokerConfig); // its types lack some of what it reads
}
