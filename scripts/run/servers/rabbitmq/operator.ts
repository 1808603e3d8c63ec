import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';

/** Milliseconds that the broker gets for a connection. */
const PATIENCE = 10_000;

/** What a connection that was lost breaks, rejects. Who wants to know of the loss itself listens to `close`. */
export interface Operator {
  connection: ChannelModel;
  channel: ConfirmChannel;
}

/**
 * The operator's way to the broker of that environment (RABBITMQ_ADMIN_USER, who may do everything). Rejects when the broker
 * refuses the user or does not answer within `patience` milliseconds, and leaves no connection behind.
 */
export async function connectOperator(environment: Record<string, string | undefined>, patience = PATIENCE): Promise<Operator> {
  const opening = open(environment, patience);
  const timer = new AbortController();
  const overdue = sleep(patience, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`it does not answer within ${patience / 1000} s`);
  });
  try {
    return await Promise.race([opening, overdue]);
  } catch (error) {
    opening.then(({ connection }) => connection.close()).catch(() => {}); // it came too late
    throw error;
  } finally {
    timer.abort();
    overdue.catch(() => {});
  }
}

async function open(environment: Record<string, string | undefined>, patience: number): Promise<Operator> {
  const connection = await amqp.connect(
    {
      hostname: environment.RABBITMQ_HOST,
      port: Number(environment.RABBITMQ_PORT),
      vhost: environment.RABBITMQ_VHOST,
      username: environment.RABBITMQ_ADMIN_USER,
      password: environment.RABBITMQ_ADMIN_PASSWORD,
      heartbeat: 5, // seconds
    },
    { timeout: patience },
  );
  connection.on('error', () => {}); // without a listener it would end the program
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  return { connection, channel };
}

/** Does that work on a channel of its own. */
export async function withOperator<T>(
  environment: Record<string, string | undefined>,
  work: (channel: ConfirmChannel) => Promise<T>,
): Promise<T> {
  const { connection, channel } = await connectOperator(environment);
  try {
    return await work(channel);
  } finally {
    connection.close().catch(() => {}); // a frozen broker never answers it
  }
}
