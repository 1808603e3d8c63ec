import { setTimeout as sleep } from 'node:timers/promises';
import amqp from 'amqplib';
import type { Channel, Connection } from 'amqplib/callback_api';
import rascal, { type BrokerAsPromised, type BrokerConfig, type VhostConfig } from 'rascal';

export interface BrokerAddress {
  /** Nodes of one broker, tried in this order. */
  nodes: { host: string; port: number }[];
  vhost: string;
  user: string;
  password: string;
}

/** A virtual host as Rascal's configuration describes it. How to get there is told by the address. */
export type Topology = Omit<VhostConfig, 'connection' | 'connections' | 'connectionStrategy'>;

/** A connection of the service's own, and Rascal's beside it, from the declaration of the topology until one of them is lost. */
export interface BrokerConnection {
  /** Rascal, for the publications of the topology. */
  readonly broker: BrokerAsPromised;
  /** For channels of the service's own (`openChannel`). */
  readonly connection: Connection;
  /** Aborted, with the reason, when one of the two connections is gone. Call `close` then. */
  readonly lost: AbortSignal;
  lose(reason: Error): void;
  close(): Promise<void>;
}

/** Milliseconds that a polite good-bye may take before the sockets are destroyed: a frozen broker never answers it. */
const FAREWELL = 1000;

/**
 * The one way to the broker. Rascal makes what the topology asks for, then both connections stand until `lost`. Nothing
 * reconnects by itself: who lost a connection opens the next one, so that it starts from nothing, declarations included.
 *
 * Rejects when no node answers, or the broker refuses what is asked of it, and leaves no connection behind.
 */
export async function connectBroker(address: BrokerAddress, topology: Topology): Promise<BrokerConnection> {
  const lost = new AbortController();
  const lose = (reason: Error) => lost.abort(reason);
  const sockets = new AbortController();
  let broker: BrokerAsPromised | undefined;
  let connection: Connection;
  try {
    broker = await rascal.BrokerAsPromised.create(rascalConfig(address, topology, sockets.signal));
    broker.on('error', lose);
    broker.on('disconnect', () => lose(new Error('the connection to the broker was closed')));
    connection = (await broker.connect(address.vhost)) as unknown as Connection;
    connection.on('error', lose);
    connection.on('close', (error) => lose(error ?? new Error('the connection to the broker was closed')));
  } catch (error) {
    sockets.abort();
    await (broker ?? unfinishedBroker(error))?.shutdown().catch(() => {});
    throw error;
  }
  const made = broker;
  let closed: Promise<void> | undefined;
  const leave = async () => {
    lose(new Error('the connection to the broker was closed'));
    const ended = new Promise((resolve) => connection.close(resolve));
    await within(FAREWELL, Promise.allSettled([ended, made.shutdown()]));
    sockets.abort();
  };
  return {
    broker: made,
    connection,
    lost: lost.signal,
    lose,
    close() {
      closed ??= leave(); // Rascal throws where nobody can catch it when it is asked twice
      return closed;
    },
  };
}

/**
 * A channel that has its listeners from its birth. `lost` is called once, with the broker's reason, when it is closed;
 * the reason has a `code` where the broker closed it (AMQP 0-9-1, section 1.2: 403 access refused, 404 not found).
 */
export function openChannel<C extends Channel>(
  create: (opened: (error: Error | null) => void) => C,
  lost: (reason: Error & { code?: number }) => void,
): Promise<C> {
  return new Promise((resolve, reject) => {
    const channel = create((error) => (error ? reject(error) : resolve(channel)));
    let reason = new Error('the channel to the broker was closed');
    channel.on('error', (error) => {
      reason = error;
    });
    channel.on('close', () => {
      lost(reason);
      reject(reason);
    });
  });
}

/** Resolves when `attempt` has ended, well or badly, or when it has taken too long. */
export async function within(milliseconds: number, attempt: Promise<unknown>): Promise<void> {
  await Promise.race([attempt.catch(() => {}), sleep(milliseconds, undefined, { ref: false })]);
}

function rascalConfig({ nodes, vhost, user, password }: BrokerAddress, topology: Topology, sockets: AbortSignal): BrokerConfig {
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

/** A broker that was refused something keeps a timer: it may not pile up while we try again. */
function unfinishedBroker(error: unknown): BrokerAsPromised | undefined {
  const unfinished = error as Error & { broker?: keyof Error };
  return unfinished.broker && (unfinished[unfinished.broker] as unknown as BrokerAsPromised);
}
