import type { ConsumeMessage } from 'amqplib';

/** Bytes of large messages in hand at most, or one message: RabbitMQ limits what is in hand by number only. */
const ROOM = 67_108_864;
/** Bytes of a message up to which it is not large: 2,000 of these, the default prefetch, take as much memory again. */
const LARGE = 32_768;

/**
 * What was delivered and is not settled yet. A large message for which there is no room is put off: its content is let go, and
 * once there is room the queue is to get it back, to deliver it again. Only that message is delivered twice; its
 * neighbours stay, and so does the session.
 */
export class Inbox {
  readonly #waiting: ConsumeMessage[] = [];
  readonly #putOff: { message: ConsumeMessage; size: number }[] = [];
  #largeBytes = 0;
  #inHand = 0;
  #wake = () => {};

  deliver(message: ConsumeMessage): void {
    const size = message.content.length;
    this.#inHand++;
    if (!this.#fits(size)) {
      this.#putOff.push({ message: { ...message, content: Buffer.alloc(0) }, size });
      return;
    }
    if (size > LARGE) this.#largeBytes += size;
    this.#waiting.push(message);
    this.#wake();
  }

  /** Messages that are not acknowledged, and did not go back. */
  get inHand(): number {
    return this.#inHand;
  }

  /** Whether that many wait. */
  holds(count: number): boolean {
    return this.#waiting.length >= count;
  }

  /** The next messages, at least one, in their order; none when the signal aborts. */
  async take(limit: number, stop: AbortSignal): Promise<ConsumeMessage[]> {
    while (this.#waiting.length === 0 && !stop.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      stop.addEventListener('abort', this.#wake, { once: true });
      await promise;
      stop.removeEventListener('abort', this.#wake);
    }
    return stop.aborted ? [] : this.#waiting.splice(0, limit);
  }

  /** They are acknowledged, and take no room any more. */
  settled(messages: ConsumeMessage[]): void {
    this.#inHand -= messages.length;
    for (const { content } of messages) if (content.length > LARGE) this.#largeBytes -= content.length;
  }

  /** Takes out those that were put off and fit by now, oldest first: the queue is to get them back. */
  returnable(): ConsumeMessage[] {
    let free = this.#largeBytes === 0 ? Number.POSITIVE_INFINITY : ROOM - this.#largeBytes;
    const count = this.#putOff.findIndex(({ size }) => {
      const room = free >= size;
      free = Math.min(free, ROOM) - size;
      return !room;
    });
    const returned = this.#putOff.splice(0, count < 0 ? this.#putOff.length : count);
    this.#inHand -= returned.length;
    return returned.map(({ message }) => message);
  }

  /** The delivery tag of the oldest message that was put off, else Infinity. */
  oldest(): number {
    return this.#putOff[0]?.message.fields.deliveryTag ?? Number.POSITIVE_INFINITY;
  }

  #fits(size: number): boolean {
    return size <= LARGE || this.#largeBytes === 0 || this.#largeBytes + size <= ROOM;
  }
}
