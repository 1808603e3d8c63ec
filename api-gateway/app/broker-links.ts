import { EventEmitter } from 'node:events';
import type { BrokerAddress, BrokerConnection } from '@crud-master/messaging/broker-connection';
import type { Logger } from '@crud-master/plumbing/log';
import type { ConfirmChannel } from 'amqplib/callback_api';
import { BrokerLink, type Obstacle, REASONS } from './broker.ts';

/** The later ones are said only where no node has an earlier one: a node that answers knows more of the broker than one that is away. */
const TELLING: Obstacle[] = ['blocked', 'refused', 'missing', 'silent', 'unreachable'];

/**
 * A link to each node of the broker, all open at the same time, so that no order waits for a connection. Orders go through one
 * of them until it does not take them any more and another does (docs/decisions/publisher.md).
 * Emits `open` with each channel that may carry orders.
 */
export class BrokerLinks extends EventEmitter<{ open: [channel: ConfirmChannel] }> {
  /** As they were given. */
  readonly #nodes: BrokerLink[];
  /** The first one is in use. */
  #links: BrokerLink[];
  readonly #log: Logger;

  constructor({ nodes, ...address }: BrokerAddress & { queue: string }, log: Logger) {
    super();
    this.#log = log;
    this.#nodes = nodes.map((node) => {
      const name = node.host.includes(':') ? `[${node.host}]:${node.port}` : `${node.host}:${node.port}`;
      return new BrokerLink(name, { nodes: [node], ...address }, nodes.length > 1 ? log.child({ node: name }) : log);
    });
    this.#links = this.#nodes;
    for (const link of this.#nodes) link.on('open', (channel) => this.emit('open', channel));
  }

  /** The link for the next order, or nothing where no node takes orders. */
  choose(): BrokerLink | undefined {
    const place = this.#links.findIndex(({ obstacle }) => !obstacle);
    if (place > 0) this.#move(place);
    return place < 0 ? undefined : this.#links[0];
  }

  /** Those that would take orders beside the one in use. */
  get spare(): BrokerLink[] {
    return this.#links.slice(1).filter(({ obstacle }) => !obstacle);
  }

  /** Why no node takes orders. */
  get obstacle(): Obstacle | undefined {
    if (this.choose()) return undefined;
    return TELLING.find((one) => this.#links.some(({ obstacle }) => obstacle === one));
  }

  /** For channels beside that of the orders: of the node in use, or of another one where only that is connected. */
  get connection(): BrokerConnection | undefined {
    this.choose();
    return this.#links.find(({ connection }) => connection)?.connection;
  }

  /** Of each node, in the order in which they were given: why it takes no orders, and whether they go through it. */
  get nodes(): { obstacle: Obstacle | undefined; inUse: boolean }[] {
    const used = this.choose();
    return this.#nodes.map((link) => ({ obstacle: link.obstacle, inUse: link === used }));
  }

  get counts(): { usable: number; all: number } {
    return { usable: this.#links.filter(({ obstacle }) => !obstacle).length, all: this.#links.length };
  }

  /** Resolves when the links are closed. */
  async open(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.open()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** Those that were passed over become the last: of several, the one whose trouble is longest ago is tried first. */
  #move(place: number): void {
    const left = this.#links[0]!;
    this.#links = [...this.#links.slice(place), ...this.#links.slice(0, place)];
    this.#log.warn({ left: left.name, reason: REASONS[left.obstacle!], node: this.#links[0]!.name }, 'orders go to another node');
  }
}
