import type { ConsumeMessage } from 'amqplib';
import type { Inbox } from './inbox.ts';
import type { Letterbox } from './letterbox.ts';
import type { Session } from './session.ts';

/** The part of the prefetch that may wait for an acknowledgement. */
const MOST_OWED = 0.75;

/** Acknowledges what is stored: one acknowledgement for many messages, where no other message stands between them. */
export function createReceipts(
  session: Pick<Session, 'ack' | 'giveBack'>,
  inbox: Pick<Inbox, 'oldest' | 'returnable' | 'settled'>,
  letterbox: Pick<Letterbox, 'oldest' | 'stuck'>,
  prefetch: number,
) {
  /** Stored, but not acknowledged yet, in their order. */
  const owed: ConsumeMessage[] = [];

  function send(messages: ConsumeMessage[]): void {
    for (const message of messages) session.ack(message);
    inbox.settled(messages);
  }

  /**
   * One acknowledgement covers all messages before the oldest that is in the letterbox, or was put off. Those behind it
   * wait for it: an acknowledgement for each makes an order half as dear again. Each gets its own only where dead letters
   * cannot be written, or where so many wait that hardly any more would be delivered.
   */
  function sendDue(): void {
    const limit = Math.min(letterbox.oldest(), inbox.oldest());
    const covered = owed.findLastIndex(({ fields }) => fields.deliveryTag < limit) + 1;
    if (covered > 0) session.ack(owed[covered - 1]!, { allEarlier: true });
    inbox.settled(owed.splice(0, covered));
    if (letterbox.stuck() || owed.length >= prefetch * MOST_OWED) send(owed.splice(0));
    const returnable = inbox.returnable();
    for (const message of returnable) session.giveBack(message);
    if (returnable.length > 0) sendDue();
  }

  return {
    add(stored: { message: ConsumeMessage }[]): void {
      for (const { message } of stored) owed.push(message);
    },
    send,
    sendDue,
    sendAll: () => send(owed.splice(0)),
  };
}
