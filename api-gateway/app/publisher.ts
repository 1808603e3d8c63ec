import { ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';
import type { Logger } from '@crud-master/plumbing/log';
import type { Span } from '@crud-master/plumbing/spans';
import type { ConfirmChannel, Options } from 'amqplib/callback_api';
import type { BrokerLink, Obstacle } from './broker.ts';
import type { BrokerLinks } from './broker-links.ts';
import { orderProblems } from './order-problems.ts';
import type { Trace } from './tracing.ts';

export interface OrderMessage {
  id: string;
  content: Buffer;
  trace: Trace;
}

/**
 * Resolves once the broker has confirmed the message; rejects with a 503 problem whose `type` says what is known of it.
 * It has `notTaken: true` where the order certainly was not taken.
 */
export type PublishOrder = (message: OrderMessage) => Promise<void>;

export interface PublisherOptions {
  queue: string;
  /** Milliseconds that the broker has to confirm a message. */
  publishTimeout: number;
  /** Messages that may wait for their confirms at the same time. */
  maxInFlight: number;
}

/** One sending of a message: the first one, or another one through another node. */
interface Attempt {
  number: number;
  /** When the client has to have its answer, whichever node gives it (milliseconds of `performance.now()`). */
  deadline: number;
  /** Whether a node that went away may have taken the message: then nobody can say that it was not taken. */
  uncertain: boolean;
}

interface Waiting {
  settle: (refusal?: Error) => void;
  overdue: boolean;
  link: BrokerLink;
  channel: ConfirmChannel;
  /** Set for the first order of a spare channel. */
  first: Untried | undefined;
}

/** A channel on which the broker has taken no order yet. */
interface Untried {
  since: number;
  /** Whether its first order is under way. */
  carries: boolean;
}

/** A channel that owes a confirm for longer than this (milliseconds) is given up for a new one even where no other node takes orders. */
const CHANNEL_PATIENCE = 5000;

/** A channel that was opened less than this long ago (milliseconds) knows the queue's leader. */
const NEW = 2000;

/**
 * Milliseconds after which a spare channel carries its first order; twice as many after each that was not taken, at most FIRST_ORDER_AT_MOST.
 * Not before NEW: a refusal is tried elsewhere only then.
 */
const [FIRST_ORDER, FIRST_ORDER_AT_MOST] = [2000, 60_000];

/** Milliseconds after which a channel that was replaced surely takes orders again. */
const REPLACED = 2000;

/**
 * Publishes orders with confirms that do not wait for each other.
 *
 * Nothing is kept for later: what the broker does not take now is refused now, so that a refused order is never stored
 * behind the client's back, and a long outage costs no memory. While a confirm is overdue that node counts as away,
 * and further orders go to another, or are refused at once; the late confirm ends that, or a new channel.
 */
export class Publisher {
  #closing = false;
  /** Orders whose answer is awaited. */
  #inFlight = 0;
  /** The last order that the broker confirmed had come back: it reached no queue. */
  #homeless = false;
  /** Ids of messages that came back and are not confirmed yet: an id twice where a client sent it twice at the same time. */
  readonly #returned = new WeakMap<ConfirmChannel, string[]>();
  readonly #untried = new WeakMap<ConfirmChannel, Untried>();
  /** When a channel was replaced because its first order was refused. */
  #replaced = Number.NEGATIVE_INFINITY;
  readonly #links: BrokerLinks;
  readonly #options: PublisherOptions;
  readonly #log: Logger;

  constructor(links: BrokerLinks, options: PublisherOptions, log: Logger) {
    this.#links = links;
    this.#options = options;
    this.#log = log;
    links.on('open', (channel) => {
      const returned: string[] = [];
      this.#returned.set(channel, returned);
      this.#untried.set(channel, { since: performance.now(), carries: false });
      channel.on('return', ({ properties }) => returned.push(properties.messageId));
    });
  }

  publish: PublishOrder = (message) =>
    this.#send(message, { number: 1, deadline: performance.now() + this.#options.publishTimeout, uncertain: false });

  #send(message: OrderMessage, attempt: Attempt): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (refusal?: Error) => reject(attempt.uncertain ? orderProblems.unknown() : refusal);
      const refusal = this.#refusal();
      const spare = refusal || attempt.number > 1 ? undefined : this.#spareToTry();
      const link = spare ?? this.#links.choose();
      if (refusal || !link?.channel) return refuse(refusal);
      const { channel } = link;
      const first = spare && this.#untried.get(channel);
      if (first) first.carries = true;
      const span = message.trace.span && publicationSpan(message.trace.span, this.#options.queue, message.id);
      const waiting: Waiting = {
        overdue: false,
        link,
        channel,
        first,
        settle: (refusal) => {
          clearTimeout(deadline);
          span?.end(refusal && kindOf(refusal));
          if (refusal) refuse(refusal);
          else resolve();
        },
      };
      const deadline = setTimeout(() => this.#passDeadline(waiting), attempt.deadline - performance.now());
      const { id, content } = message;
      this.#inFlight++;
      try {
        channel.publish(ORDERS_EXCHANGE, this.#options.queue, content, publication(message, span?.traceparent), (error) => {
          this.#leave(waiting);
          const outcome = this.#outcome(id, channel, error);
          if (error) noteUntaken(waiting);
          else {
            this.#untried.delete(channel);
            link.silences = 0;
            link.untaken = 0;
          }
          if (error && this.#mayGoOn(waiting, attempt, error)) resolve(this.#sendAgain(message, attempt, error));
          waiting.settle(outcome); // of this attempt: after a second one it ends the span only
        });
      } catch {
        this.#leave(waiting); // the channel is closing: nothing was sent
        waiting.settle(orderProblems.unreachable());
      }
    });
  }

  /**
   * Whether another node may take what this one did not. At least half of the time is left then: who has less for an answer would be
   * taken for a node that does not confirm.
   */
  #mayGoOn(waiting: Waiting, { number, deadline }: Attempt, error: Error): boolean {
    const { all } = this.#links.counts;
    if (waiting.overdue || all === 1) return false;
    const inTime = number < all && deadline - performance.now() >= this.#options.publishTimeout / 2;
    return (!isNack(error) || this.#giveUp(waiting)) && inTime;
  }

  /**
   * The same message, under the same id, which billing stores once. A channel that is lost fails what it owes before its link hears of
   * it: so not in this turn.
   */
  async #sendAgain(message: OrderMessage, { number, deadline, uncertain }: Attempt, error: Error): Promise<void> {
    await Promise.resolve();
    return this.#send(message, { number: number + 1, deadline, uncertain: uncertain || !isNack(error) });
  }

  /**
   * A spare link whose channel has carried no order yet: it carries the next one, while the queue's leader works. RabbitMQ asks that
   * leader at a channel's first message, and waits for its node where that stands still (rabbit_fifo_client); a channel that is known
   * to the queue is told of another leader.
   */
  #spareToTry(): BrokerLink | undefined {
    const used = this.#links.choose()?.channel;
    if (!used || this.#untried.has(used)) return undefined;
    return this.#links.spare.find(({ channel, untaken }) => {
      const first = this.#untried.get(channel!);
      const age = Math.min(FIRST_ORDER * 2 ** untaken, FIRST_ORDER_AT_MOST);
      return first && !first.carries && performance.now() - first.since >= age;
    });
  }

  /**
   * Replaces a channel whose order may have been refused for want of the queue's leader, and says whether another node may take the
   * order: a channel that was opened before the leader's node died asks that one for ever, unless the leader has taken an order of it
   * before (seen with RabbitMQ 3.10). A new channel knows the new leader: it is refused because the queue is full.
   */
  #giveUp({ link, channel }: Waiting): boolean {
    const untried = this.#untried.get(channel);
    if (!untried || performance.now() - untried.since < NEW) return false;
    if (link.channel === channel) {
      if (!this.#mayReplace()) return false;
      this.#replaced = performance.now();
      link.replaceChannel('its first order was refused', this.#options.publishTimeout);
    }
    return this.#links.choose() !== undefined;
  }

  /** One channel after the other: while the last one that takes orders is replaced, orders would be told that no broker is there. */
  #mayReplace(): boolean {
    return this.#links.counts.usable > 1 || performance.now() - this.#replaced > REPLACED;
  }

  /** Refuses new messages and waits for the confirms of those under way, at most `publishTimeout`. */
  async close(): Promise<void> {
    this.#closing = true;
    const end = Date.now() + this.#options.publishTimeout;
    while (this.#inFlight > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
    await this.#links.close();
  }

  /** Why orders are not taken now, as far as it is known, or nothing. */
  get obstacle(): Obstacle | undefined {
    return this.#certainObstacle() ?? (this.#homeless ? 'missing' : undefined);
  }

  /** What is known to refuse an order without sending it. Whether a queue is back is known only by trying. */
  #certainObstacle(): Obstacle | undefined {
    return this.#closing ? 'unreachable' : this.#links.obstacle;
  }

  #refusal(): Error | undefined {
    const obstacle = this.#certainObstacle();
    if (obstacle) return orderProblems[obstacle]();
    if (this.#inFlight >= this.#options.maxInFlight) return orderProblems.overloaded();
    return undefined;
  }

  #passDeadline(waiting: Waiting): void {
    const { link, channel } = waiting;
    const { publishTimeout } = this.#options;
    this.#inFlight--;
    waiting.overdue = true;
    noteUntaken(waiting);
    waiting.settle(orderProblems.unknown());
    if (link.channel !== channel || ++link.overdue > 1) return; // a new channel owes nothing
    const another = this.#links.choose();
    if (!another) this.#log.warn({ after_ms: publishTimeout }, 'broker does not confirm, refusing orders until it does');
    const patience = this.#patience(link, another !== undefined);
    if (!another) link.silences++;
    setTimeout(() => {
      if (link.overdue > 0 && link.channel === channel) link.replaceChannel('a confirm is overdue');
    }, patience).unref();
  }

  /**
   * Milliseconds that a channel has for a late confirm. With another node in use: until no order on it can be within its time any more.
   * Where none takes orders the queue may just choose its leader: the first new channel comes as soon, and those that fare no better later.
   */
  #patience({ silences }: BrokerLink, another: boolean): number {
    const { publishTimeout } = this.#options;
    if (this.#links.counts.all === 1) return CHANNEL_PATIENCE;
    if (another) return publishTimeout;
    return Math.min(publishTimeout * 2 ** silences, CHANNEL_PATIENCE);
  }

  #leave({ overdue, link, channel }: Waiting): void {
    if (!overdue) this.#inFlight--;
    else if (link.channel === channel) link.overdue--;
  }

  /** What the broker's confirm means: nothing where it took the order. A message that reached no queue is confirmed as well, after it came back. */
  #outcome(id: string, channel: ConfirmChannel, error: Error | null): Error | undefined {
    if (error) return isNack(error) ? orderProblems.full() : orderProblems.unknown();
    const returned = this.#returned.get(channel) ?? [];
    const place = returned.indexOf(id);
    this.#homeless = place >= 0;
    if (place < 0) return undefined;
    returned.splice(place, 1);
    return orderProblems.missing();
  }
}

/** Of a spare channel's first order: the next one there comes later. */
function noteUntaken({ first, link }: Waiting): void {
  if (!first?.carries) return;
  first.carries = false;
  link.untaken++;
}

/** By amqplib's words: the error has no code. */
const isNack = (error: Error | null): boolean => error?.message === 'message nacked';

const publication = ({ id, trace }: OrderMessage, traceparent = trace.traceparent): Options.Publish => ({
  messageId: id,
  contentType: 'application/json',
  persistent: true,
  mandatory: true, // an order that reaches no queue comes back, and is not answered 200
  timestamp: Math.floor(Date.now() / 1000),
  headers: { 'x-request-id': trace.requestId, traceparent },
});

/** From the publication to the confirm: https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/ */
function publicationSpan(parent: Span, queue: string, id: string): Span {
  const destination = `${ORDERS_EXCHANGE}:${queue}`;
  return parent.child('producer', `publish ${destination}`, {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    'messaging.destination.name': destination,
    'messaging.rabbitmq.destination.routing_key': queue,
    'messaging.message.id': id,
  });
}

const kindOf = (refusal: Error & { problem?: { kind?: string } }) => refusal.problem?.kind ?? 'refused';
