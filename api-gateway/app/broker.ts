import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@crud-master/plumbing/log';
import type { ConfirmChannel } from 'amqplib/callback_api.js';
import type { BrokerConfig } from 'rascal';
import Vhost, { type RascalVhost } from 'rascal/lib/amqp/Vhost.js';
import configure from 'rascal/lib/config/configure.js';

/** Milliseconds between two attempts to reach a broker that was away when the gateway started, or to open a channel again. */
const RETRY = 500;

/**
 * One confirm channel on a connection that Rascal makes and, when it is lost, makes again.
 *
 * Rascal's publications lend a channel to one message at a time, so that each waits for another's confirm; a channel of
 * our own confirms hundreds together (docs/decisions/publisher.md). Its vhost is the part of Rascal that hands one out.
 *
 * Events: `open` (channel), `lost` (reason) when the channel is gone, `blocked` and `unblocked` for the broker's alarms.
 */
export class BrokerLink extends EventEmitter<{
  open: [channel: ConfirmChannel];
  lost: [reason: string];
  blocked: [reason: string];
  unblocked: [];
}> {
  #vhost: RascalVhost | undefined;
  #channel: ConfirmChannel | undefined;
  #closing = false;
  #opening = false;
  readonly #config: BrokerConfig;
  readonly #log: Logger;

  constructor(config: BrokerConfig, log: Logger) {
    super();
    this.#config = config;
    this.#log = log;
  }

  /** Resolves when the broker was reached for the first time or the link is closed, however long that takes. */
  async open(): Promise<void> {
    const config = await new Promise<{ vhosts: Record<string, object> }>((resolve, reject) =>
      configure(this.#config, (error, configured) => (error ? reject(error) : resolve(configured))),
    );
    const [vhostConfig] = Object.values(config.vhosts);
    for (let reported = false; !this.#closing; await sleep(RETRY)) {
      try {
        this.#vhost = await new Promise<RascalVhost>((resolve, reject) => {
          Vhost.create(vhostConfig!, {}, (error, vhost) => (error ? reject(error) : resolve(vhost)));
        });
        break;
      } catch (error) {
        if (!reported) this.#log.warn({ reason: (error as Error).message }, 'broker cannot be reached, trying on');
        reported = true;
      }
    }
    const vhost = this.#vhost;
    if (!vhost) return;
    if (this.#closing) return this.close();
    vhost.on('connect', () => this.#openChannel());
    vhost.on('disconnect', () => this.#lose('the connection to the broker is lost'));
    vhost.on('error', (error: Error) => this.#log.debug({ reason: error.message }, 'broker connection failed'));
    vhost.on('blocked', (reason: string) => this.emit('blocked', reason));
    vhost.on('unblocked', () => this.emit('unblocked'));
    this.#openChannel();
  }

  /** Gives the channel up, with every confirm that it still owes, and opens another. */
  replaceChannel(reason: string): void {
    const channel = this.#channel;
    this.#lose(reason);
    try {
      channel?.close(() => {}); // fails what it still owes; Rascal's own way to destroy it would forget that
    } catch {
      // closed already
    }
    this.#openChannel();
  }

  async close(): Promise<void> {
    this.#closing = true;
    const vhost = this.#vhost;
    if (!vhost) return;
    if (this.#channel) vhost.returnConfirmChannel(this.#channel);
    await new Promise<void>((resolve) => vhost.forewarn(() => resolve()));
    const closed = new Promise<void>((resolve) => vhost.shutdown(() => resolve()));
    await Promise.race([closed, sleep(1000, undefined, { ref: false })]); // a frozen broker never says good-bye
  }

  /** From Rascal's pool, for good: making one outside of it throws, where nobody can catch it, if the connection is just being lost. */
  #openChannel(): void {
    if (this.#closing || this.#channel || this.#opening) return;
    this.#opening = true;
    this.#vhost?.borrowConfirmChannel((error, channel) => {
      this.#opening = false;
      if (this.#closing) return;
      if (error || !channel) return void setTimeout(() => this.#openChannel(), RETRY).unref();
      this.#channel = channel;
      let reason = 'the broker closed the channel';
      channel.on('error', (error: Error) => {
        reason = error.message;
      });
      channel.on('close', () => {
        if (this.#channel !== channel) return;
        this.#lose(reason);
        this.#openChannel();
      });
      this.#log.info('broker connected');
      this.emit('open', channel);
    });
  }

  #lose(reason: string): void {
    if (!this.#channel) return;
    this.#channel = undefined;
    if (!this.#closing) this.#log.warn({ reason }, 'broker lost');
    this.emit('lost', reason);
  }
}
