import { withOperator } from '../../run/servers/rabbitmq/operator.ts';
import type { DeadLetter } from './ledger.ts';
import type { Stack } from './stack.ts';

/** The broker as its operator sees it, past the relays. */
export interface Queues {
  /** Puts a message into the queue of orders by hand. False when the broker did not confirm it; it may be there all the same. */
  put(content: string): Promise<boolean>;
  /** Messages in the queue of orders, those in billing's hands included. */
  waiting(): Promise<number>;
  deadLetters(): Promise<DeadLetter[]>;
}

export function openQueues({ environment, broker }: Stack): Queues {
  const queue = environment.BILLING_QUEUE!;

  return {
    put: (content) =>
      withOperator(environment, async (channel) => {
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
      withOperator(environment, async (channel) => {
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
