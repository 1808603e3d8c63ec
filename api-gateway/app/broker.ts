import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BrokerAddress, type BrokerConnection, connectBroker, openChannel } from '@crud-master/messaging/broker-connection';
import { ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';
import type { Logger } from '@crud-master/plumbing/log';
import type { ConfirmChannel } from 'amqplib/callback_api';
import { topology } from './topology.ts';

/** Milliseconds between two attempts to reach a broker that is away, or to be allowed to publish. */
const RETRY = 500;

/** No queue is bound with it: a message under this key goes nowhere, and is confirmed all the same. */
const NOWHERE = 'may-the-gateway-publish';

/** Why no order can be published now. */
export type Obstacle = 'unreachable' | 'refused' | 'missing' | 'blocked' | 'silent';

/** In words for everybody. */
export const REASONS: Record<Obstacle, string> = {
  unreachable: 'is not connected',
  silent: 'does not confirm',
  blocked: 'is out of memory or disk',
  refused: 'does not allow this gateway to publish',
  missing: 'has no queue of orders',
};

/** What it means when the broker closes the channel (AMQP 0-9-1, section 1.2). Anything else may pass with the next channel. */
const OBSTACLES: Record<number, Obstacle> = { 403: 'refused', 404: 'missing' };

/**
 * One confirm channel for all orders (docs/decisions/publisher.md), on a connection that is made again whenever it is lost.
 * Emits `open` with each channel that may carry orders.
 */
export class BrokerLink extends EventEmitter<{ open: [channel: ConfirmChannel] }> {
  readonly name: string;
  /** Confirms that the channel owes for too long. While there are any, the link takes no orders. */
  overdue = 0;
  /** How often since the last confirm its channel was the last one that took orders, and fell silent. */
  silences = 0;
  /** How many first orders of its channels in a row were not taken. */
  untaken = 0;
  #channel: ConfirmChannel | undefined;
  #connection: BrokerConnection | undefined;
  #obstacle: Obstacle = 'unreachable';
  #blocked = false;
  #loseChannel = (_reason: Error) => {};
  readonly #closing = new AbortController();
  readonly #address: BrokerAddress & { queue: string };
  readonly #log: Logger;

  constructor(name: string, address: BrokerAddress & { queue: string }, log: Logger) {
    super();
    this.name = name;
    this.#address = address;
    this.#log = log;
  }

  get channel(): ConfirmChannel | undefined {
    return this.#channel;
  }

  /** The connection that stands, for channels beside that of the orders. */
  get connection(): BrokerConnection | undefined {
    return this.#connection?.lost.aborted ? undefined : this.#connection;
  }

  get obstacle(): Obstacle | undefined {
    if (this.#blocked) return 'blocked';
    if (!this.#channel) return this.#obstacle;
    return this.overdue > 0 ? 'silent' : undefined;
  }

  /** Resolves when the link is closed. Until then it finds the broker whenever that is there. */
  async open(): Promise<void> {
    let away = false;
    while (!this.#closing.signal.aborted) {
      try {
        const connection = await connectBroker(this.#address, topology(this.#address.queue));
        away = false;
        await this.#use(connection);
      } catch (error) {
        if (!away) this.#log.warn({ reason: (error as Error).message }, 'broker cannot be reached, still trying');
        away = true;
      }
      await this.#pause();
    }
  }

  /** Gives the channel up and opens another. `grace`: milliseconds that it has for the confirms that it still owes. */
  replaceChannel(reason: string, grace = 0): void {
    const channel = this.#channel;
    this.#loseChannel(new Error(reason));
    if (grace === 0) closeQuietly(channel);
    else setTimeout(closeQuietly, grace, channel).unref();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection?.close();
  }

  /** Channel after channel, until the connection is lost. */
  async #use(connection: BrokerConnection): Promise<void> {
    this.#connection = connection;
    connection.connection.on('blocked', (reason) => {
      this.#blocked = true;
      this.#log.warn({ reason }, 'broker is out of memory or disk');
    });
    connection.connection.on('unblocked', () => {
      this.#blocked = false;
    });
    while (!connection.lost.aborted && !this.#closing.signal.aborted) await this.#useChannel(connection);
    this.#blocked = false;
    this.#obstacle = 'unreachable';
    await connection.close();
  }

  async #useChannel({ connection, lost }: BrokerConnection): Promise<void> {
    const gone = new AbortController();
    const before = this.#obstacle;
    let channel: ConfirmChannel | undefined;
    const lose = (reason: Error & { code?: number }) => {
      if (gone.signal.aborted) return;
      this.#channel = undefined;
      this.#obstacle = OBSTACLES[reason.code ?? 0] ?? 'unreachable';
      gone.abort(lost.reason ?? reason);
    };
    try {
      channel = await openChannel((opened) => connection.createConfirmChannel(opened), lose);
      await probe(channel);
    } catch (error) {
      closeQuietly(channel);
      if (this.#obstacle !== before) this.#warn('broker does not take orders, still trying', gone.signal.reason ?? error);
      return this.#pause();
    }
    this.#channel = channel;
    this.overdue = 0;
    this.#loseChannel = lose;
    this.#log.info('broker connected');
    this.emit('open', channel);
    if (!gone.signal.aborted) await once(gone.signal, 'abort');
    this.#warn('broker lost', gone.signal.reason);
  }

  #warn(event: string, reason: Error): void {
    if (!this.#closing.signal.aborted) this.#log.warn({ reason: reason.message }, event);
  }

  async #pause(): Promise<void> {
    await sleep(RETRY, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

/**
 * Rejects when this user may not publish orders, or there is nothing to publish them to. RabbitMQ says so only by closing the
 * channel, with every order that is under way on it: so the first message of a channel is one that nobody posted and no queue gets.
 */
function probe(channel: ConfirmChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish(ORDERS_EXCHANGE, NOWHERE, Buffer.alloc(0), {}, (error) => (error ? reject(error) : resolve()));
  });
}

function closeQuietly(channel: ConfirmChannel | undefined): void {
  try {
    channel?.close(); // fails what it still owes
  } catch {
    // closed already
  }
}
