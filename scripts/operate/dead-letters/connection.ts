import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfirmChannel } from 'amqplib';
import { connectOperator, type Operator } from '../../run/servers/rabbitmq/operator.ts';
import { Failure } from '../../run/terminal/failure.mjs';

export type Environment = Record<string, string | undefined>;

/** Milliseconds that the broker gets for an answer. */
export const PATIENCE = 10_000;

/** amqplib's decoder calls itself for each level of headers (docs/reliability.md, "A message can never become an order"). */
const TOO_DEEP =
  'A letter has headers that are nested too deep for this program. Start it with a larger stack: npm run dead-letters does, and in a machine sudo node --stack-size=7000 …';

export interface Connection {
  /** For everything but the letters in hand. */
  channel: ConfirmChannel;
  /** Another one, whose errors are this connection's. */
  openChannel(): Promise<ConfirmChannel>;
  /** The result of that work, unless the connection or the channel is lost before. */
  unlessLost<T>(work: Promise<T>): Promise<T>;
  /** Ends when the broker has taken everything that was sent. */
  close(): Promise<void>;
}

/** A connection to RabbitMQ, for the operator of `.env`. Rejects with a `Failure`. */
export async function openConnection(environment: Environment): Promise<Connection> {
  const missing = ['HOST', 'PORT', 'VHOST', 'ADMIN_USER', 'ADMIN_PASSWORD']
    .map((name) => `RABBITMQ_${name}`)
    .concat('BILLING_QUEUE', 'BILLING_DEAD_LETTER_QUEUE')
    .filter((name) => !environment[name]);
  if (missing.length > 0) throw new Failure(`Missing in .env: ${missing.join(', ')}.`);
  try {
    return guarded(await connectOperator(environment, PATIENCE), environment);
  } catch (error) {
    throw new Failure(explain(error as Error, environment));
  }
}

function guarded({ connection, channel }: Operator, environment: Environment): Connection {
  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => {}); // also when nobody waits for it
  const onError = (error: Error & { code?: number }) => lose(new Failure(explain(error, environment)));
  channel.on('error', onError);
  // `close` follows. A stack that is too small for the headers of a letter would be told as a lost connection.
  connection.on('error', (error: Error) => {
    if (error instanceof RangeError) lose(new Failure(TOO_DEEP));
  });
  connection.on('close', () => lose(new Failure('The connection to RabbitMQ was lost. No letter is: try again.')));
  const unlessLost = <T>(work: Promise<T>) => Promise.race([lost, work]);
  let closing: Promise<void> | undefined;
  const close = async () => {
    await within(channel.close()).catch(() => {});
    await within(connection.close()).catch(() => {});
  };
  return {
    channel,
    async openChannel() {
      const another = await unlessLost(within(connection.createConfirmChannel()));
      another.on('error', onError);
      return another;
    },
    unlessLost,
    close: () => (closing ??= close()),
  };
}

/** The result of that work, or a `Failure` with that sentence when it takes longer than `PATIENCE`. */
export async function within<T>(work: Promise<T>, sentence = 'RabbitMQ does not answer.'): Promise<T> {
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
  return `RabbitMQ cannot be used at ${address} (${error.message}). Start it with npm start (three nodes: npm run cluster -- start), or correct RABBITMQ_HOST and RABBITMQ_PORT.`;
}
