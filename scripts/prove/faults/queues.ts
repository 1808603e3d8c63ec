import amqp from 'amqplib';
import type { DeadLetter } from './ledger.ts';
import type { Stack } from './stack.ts';

/** The broker as its operator sees it, past the proxies. */
export interface Queues {
  /** Puts a message into the queue of orders by hand. False when the broker did not confirm it; it may be there all the same. */
  put(content: string): Promise<boolean>;
  /** Messages in the queue of orders, those in billing's hands included. */
  waiting(): Promise<number>;
  deadLetters(): Promise<DeadLetter[]>;
}

/** Milliseconds that the broker gets for an answer. */
const PATIENCE = 3000;

export function openQueues({ environment, broker }: Stack): Queues {
  const queue = environment.BILLING_QUEUE!;

  async function withChannel<T>(work: (channel: amqp.ConfirmChannel) => Promise<T>): Promise<T> {
    const connection = await amqp.connect(
      {
        hostname: environment.RABBITMQ_HOST,
        port: Number(environment.RABBITMQ_PORT),
        vhost: environment.RABBITMQ_VHOST,
        username: environment.RABBITMQ_ADMIN_USER,
        password: environment.RABBITMQ_ADMIN_PASSWORD,
        heartbeat: 2,
      },
      { timeout: PATIENCE },
    );
    connection.on('error', () => {}); // reported by what is under way
    try {
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      return await work(channel);
    } finally {
      connection.close().catch(() => {});
    }
  }

  return {
    put: (content) =>
      withChannel(async (channel) => {
        channel.sendToQueue(queue, Buffer.from(content), { persistent: true });
        await channel.waitForConfirms();
        return true;
      }).catch(() => false),
    async waiting() {
      const lines = await broker.control(
        'list_queues',
        '--vhost',
        environment.RABBITMQ_VHOST!,
        '--no-table-headers',
        'name',
        'messages',
      );
      const line = lines.split('\n').find((line) => line.startsWith(`${queue}\t`));
      if (!line) throw new Error(`the broker does not know ${queue}`);
      return Number(line.split('\t')[1]);
    },
    deadLetters: () =>
      withChannel(async (channel) => {
        const letters: DeadLetter[] = [];
        for (;;) {
          // Not acknowledged: they go back when the connection closes.
          const message = await channel.get(environment.BILLING_DEAD_LETTER_QUEUE!);
          if (!message) return letters;
          letters.push({ content: message.content.toString(), reason: String(message.properties.headers?.['x-reason']) });
        }
      }),
  };
}
