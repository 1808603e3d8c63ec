import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ConfirmChannel, type ConsumeMessage, type MessageProperties, type Options } from 'amqplib';

/** What the operator can understand and mend: its message is all that is shown. */
export class Failure extends Error {}

export type Environment = Record<string, string | undefined>;

export interface Letter {
  /** The message id; of a message without one, the beginning of its content's digest. */
  id: string;
  /** The beginning of the content's digest: tells letters with the same id apart. */
  digest: string;
  content: Buffer;
  properties: MessageProperties;
  message: ConsumeMessage;
}

/** The only exchange that leads to the queue of orders. */
const ORDERS_EXCHANGE = 'billing';
/** Milliseconds that the broker gets for an answer. */
const PATIENCE = 10_000;
/** Headers that tell why a message is a dead letter: it is none any more when it is replayed. */
const PARKING_HEADERS =
  /^x-(reason|reason-kind|failed-at|attempts|original-queue|death|first-death-.*|last-death-.*|delivery-count)$/;

/** The queue of dead letters, open to one operator. */
export class LetterBox {
  readonly #environment: Environment;
  readonly #connection: amqp.ChannelModel;
  readonly #channel: ConfirmChannel;
  /** Rejects when the connection or the channel is gone. */
  readonly #lost: Promise<never>;
  #returned = false;
  #closed = false;

  private constructor(environment: Environment, connection: amqp.ChannelModel, channel: ConfirmChannel) {
    this.#environment = environment;
    this.#connection = connection;
    this.#channel = channel;
    this.#lost = new Promise((_, reject) => {
      channel.on('error', (error: Error & { code?: number }) => reject(new Failure(explain(error, environment))));
      connection.on('error', () => {}); // `close` follows
      connection.on('close', () => reject(new Failure('The connection to RabbitMQ was lost. No letter is: try again.')));
    });
    this.#lost.catch(() => {}); // also when nobody waits for it
    channel.on('return', () => {
      this.#returned = true;
    });
  }

  static async open(environment: Environment): Promise<LetterBox> {
    const missing = ['HOST', 'PORT', 'VHOST', 'ADMIN_USER', 'ADMIN_PASSWORD']
      .map((name) => `RABBITMQ_${name}`)
      .concat('BILLING_QUEUE', 'BILLING_DEAD_LETTER_QUEUE')
      .filter((name) => !environment[name]);
    if (missing.length > 0) throw new Failure(`Missing in .env: ${missing.join(', ')}.`);
    const connecting = amqp.connect(
      {
        hostname: environment.RABBITMQ_HOST,
        port: Number(environment.RABBITMQ_PORT),
        vhost: environment.RABBITMQ_VHOST,
        username: environment.RABBITMQ_ADMIN_USER,
        password: environment.RABBITMQ_ADMIN_PASSWORD,
        heartbeat: 5,
      },
      { timeout: PATIENCE },
    );
    try {
      const connection = await within(connecting);
      return new LetterBox(environment, connection, await within(connection.createConfirmChannel()));
    } catch (error) {
      throw new Failure(explain(error as Error, environment));
    }
  }

  /**
   * Shows each letter that is there now to `visitor`, one after the other, in their order. Letters that come meanwhile, such as
   * one that was replayed in vain, are left out. Whatever is not removed goes back to its place when the box is closed.
   * `atOnce` letters are in hand at most, where the visitor removes them.
   */
  async visit(visitor: (letter: Letter) => Promise<void> | void, atOnce = 0): Promise<void> {
    const queue = this.#environment.BILLING_DEAD_LETTER_QUEUE!;
    const { messageCount } = await this.#unlessLost(this.#channel.checkQueue(queue));
    if (messageCount === 0) return;
    await this.#channel.prefetch(atOnce);
    const letters = Array.from({ length: messageCount }, () => Promise.withResolvers<Letter | undefined>());
    let seen = 0;
    this.#channel
      .consume(queue, (message) => message && letters[seen++]?.resolve(letterOf(message)), { consumerTag: CONSUMER })
      .catch(() => {}); // `lost` tells
    for (const { promise } of letters) {
      const patience = new AbortController();
      const quiet = sleep(PATIENCE / 2, undefined, { signal: patience.signal }).catch(() => undefined);
      const letter = await this.#unlessLost(Promise.race([promise, quiet]));
      patience.abort();
      if (!letter) break; // another operator has the rest in hand
      await visitor(letter);
    }
    await this.#unlessLost(this.#channel.cancel(CONSUMER));
  }

  remove({ message }: Letter): void {
    this.#channel.ack(message);
  }

  /**
   * Puts the message back into the queue of orders, with its id and its bytes, and removes the letter once the broker has
   * confirmed it there. Who is killed in between leaves it in both queues: billing knows the id and stores the order once.
   */
  async replay(letter: Letter): Promise<void> {
    const { content, properties } = letter;
    const headers = Object.entries(properties.headers ?? {}).filter(([name]) => !PARKING_HEADERS.test(name));
    const options: Options.Publish = {
      ...properties,
      headers: Object.fromEntries(headers),
      userId: undefined, // RabbitMQ refuses one that is not the sender's
      persistent: true,
      mandatory: true,
    };
    this.#returned = false;
    const confirmed = new Promise<void>((resolve, reject) => {
      this.#channel.publish(ORDERS_EXCHANGE, this.#environment.BILLING_QUEUE!, content, options, (error) =>
        error
          ? reject(new Failure(`${this.#environment.BILLING_QUEUE} is full: letter ${letter.id} stays where it is.`))
          : resolve(),
      );
    });
    await this.#unlessLost(
      within(confirmed, `RabbitMQ does not confirm letter ${letter.id}, which stays where it is: is it out of memory or disk?`),
    );
    if (this.#returned) {
      throw new Failure(
        `There is no ${this.#environment.BILLING_QUEUE}: letter ${letter.id} stays where it is. Start billing, which makes it.`,
      );
    }
    this.remove(letter);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // The broker answers after it has taken every acknowledgement.
    await within(this.#channel.close()).catch(() => {});
    await within(this.#connection.close()).catch(() => {});
  }

  #unlessLost<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost]);
  }
}

const CONSUMER = 'dead-letters';

function letterOf(message: ConsumeMessage): Letter {
  const { content, properties } = message;
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 12);
  return { id: properties.messageId || `sha256-${digest}`, digest, content, properties, message };
}

async function within<T>(work: Promise<T>, sentence = 'RabbitMQ does not answer.'): Promise<T> {
  const waiting = new AbortController();
  const late = sleep(PATIENCE, undefined, { signal: waiting.signal }).then(() => Promise.reject(new Failure(sentence)));
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    waiting.abort();
  }
}

function explain(error: Error & { code?: number | string }, environment: Environment): string {
  const { RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_VHOST, RABBITMQ_ADMIN_USER, BILLING_DEAD_LETTER_QUEUE } = environment;
  const address = `${RABBITMQ_HOST}:${RABBITMQ_PORT}`;
  if (error.code === 404) return `There is no queue ${BILLING_DEAD_LETTER_QUEUE}: billing makes it when it starts.`;
  if (/ACCESS[_-]REFUSED|NOT[_-]ALLOWED/i.test(error.message)) {
    return `RabbitMQ at ${address} refuses ${RABBITMQ_ADMIN_USER} (virtual host ${RABBITMQ_VHOST}): check RABBITMQ_ADMIN_USER and its password.`;
  }
  return `RabbitMQ cannot be used at ${address} (${error.message}). Start it with npm start, or correct RABBITMQ_HOST and RABBITMQ_PORT.`;
}
