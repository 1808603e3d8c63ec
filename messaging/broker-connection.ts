import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, Connection } from 'amqplib/callback_api';
import rascal, { type BrokerAsPromised, type BrokerConfig } from 'rascal';
import { type BrokerAddress, rascalConfig, type Topology } from './rascal-config.ts';

export type { BrokerAddress, Topology };

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

/** Milliseconds for connections and declarations together: Rascal waits for ever when the broker goes while it closes a channel. */
const PATIENCE = 5000;

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
  const broker = await createBroker(rascalConfig(address, topology, sockets.signal), sockets);
  broker.on('error', lose);
  const parted = new Promise<void>((resolve) => broker.on('disconnect', resolve));
  parted.then(() => lose(closedError()));

  let connection: Connection | undefined;
  const leave = async () => {
    lose(closedError());
    if (connection) await farewell(endOf(connection));
    sockets.abort();
    // In this order: Rascal throws where nobody can catch it when it is shut down while its connection breaks.
    await farewell(parted.then(() => broker.shutdown()));
  };
  try {
    connection = (await broker.connect(address.vhost)) as unknown as Connection;
  } catch (error) {
    await leave();
    throw error;
  }
  connection.on('error', lose);
  connection.on('close', (error) => lose(error ?? closedError()));
  let left: Promise<void> | undefined;
  return {
    broker,
    connection,
    lost: lost.signal,
    lose,
    close() {
      left ??= leave();
      return left;
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

const closedError = () => new Error('the connection to the broker was closed');

/** Says good-bye, and resolves when the connection is closed, whoever closed it. */
function endOf(connection: Connection): Promise<unknown> {
  return new Promise((resolve) => {
    connection.on('close', resolve);
    connection.close(resolve);
  });
}

async function createBroker(config: BrokerConfig, sockets: AbortController): Promise<BrokerAsPromised> {
  const timer = new AbortController();
  const overdue = sleep(PATIENCE, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`the broker did not answer within ${PATIENCE} ms`);
  });
  try {
    return await Promise.race([rascal.BrokerAsPromised.create(config), overdue]);
  } catch (error) {
    sockets.abort();
    await unfinishedBroker(error)?.shutdown();
    throw error;
  } finally {
    timer.abort();
    overdue.catch(() => {});
  }
}

/** Resolves when the good-bye has ended, well or badly, or has taken too long. */
export async function farewell(goodbye: Promise<unknown>): Promise<void> {
  await Promise.race([goodbye.catch(() => {}), sleep(FAREWELL, undefined, { ref: false })]);
}

/** A broker that was refused something keeps a timer: it may not pile up while we try again. */
function unfinishedBroker(error: unknown): BrokerAsPromised | undefined {
  const unfinished = error as Error & { broker?: keyof Error };
  return unfinished.broker && (unfinished[unfinished.broker] as unknown as BrokerAsPromised);
}
