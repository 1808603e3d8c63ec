import { ORDERS_EXCHANGE } from '@crud-master/messaging/exchanges';
import type { Options } from 'amqplib';
import { Failure } from '../../run/terminal/failure.mjs';
import { type Connection, within } from './connection.ts';
import { type Letter, originalProperties } from './letter.ts';

/** What could not be sent along: headers that amqplib cannot write, although it can read them. */
type Cut = 'headers' | undefined;

/** Puts letters back into the queue of orders, with their id and their bytes. */
export function createOrderQueue({ channel, unlessLost }: Connection, queue: string): (letter: Letter) => Promise<Cut> {
  let unroutable = false;
  channel.on('return', () => {
    unroutable = true;
  });
  const publish = (letter: Letter, options: Options.Publish) =>
    new Promise<void>((resolve, reject) => {
      channel.publish(ORDERS_EXCHANGE, queue, letter.content, options, (error) =>
        error ? reject(new Failure(`${queue} is full: letter ${letter.id} stays where it is.`)) : resolve(),
      );
    });

  return async (letter) => {
    const late = `RabbitMQ does not confirm letter ${letter.id}, which stays where it is: is it out of memory or disk?`;
    const send = (options: Options.Publish) => unlessLost(within(publish(letter, options), late));
    const properties = originalProperties(letter);
    let cut: Cut;
    try {
      await send(properties);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      cut = 'headers';
      const { messageId, contentType, contentEncoding, persistent, mandatory } = properties;
      await send({ messageId, contentType, contentEncoding, persistent, mandatory, headers: { 'x-cut': cut } });
    }
    // What RabbitMQ could not deliver it returns before it confirms it.
    if (unroutable)
      throw new Failure(`There is no ${queue}: letter ${letter.id} stays where it is. Start billing, which makes it.`);
    return cut;
  };
}

/** What amqplib throws at headers beyond what it can write: sizes, kinds and depths. */
const isUnwritable = (error: unknown) =>
  error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError;
