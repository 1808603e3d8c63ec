// Billing with one thing exchanged: it consumes by Rascal's subscription. For the question `backlog`, which asks what consuming
// past it is worth. Of a session it has only what a backlog of orders needs: no dead letters.

import { connectBroker } from '@crud-master/messaging/broker-connection';
import { loadEnvironment } from '@crud-master/plumbing/environment';
import { createLog } from '@crud-master/plumbing/log';
import type { ConsumeMessage } from 'amqplib';
import type { AckOrNack } from 'rascal';
import { Activity } from '../../../billing-app/app/activity.ts';
import { loadConfig } from '../../../billing-app/app/config.ts';
import { consume } from '../../../billing-app/app/consumer.ts';
import { openDatabase } from '../../../billing-app/app/database.ts';
import { storeOrders } from '../../../billing-app/app/order-store.ts';
import { createPatientStore } from '../../../billing-app/app/patient-store.ts';
import type { Session } from '../../../billing-app/app/session.ts';
import { topology } from '../../../billing-app/app/topology.ts';

const config = loadConfig(loadEnvironment(new URL('../../../.env', import.meta.url), process.env));
const log = createLog('billing_app', config.logLevel);
const database = openDatabase(config.database);

async function openSession(prefetch: number, deliver: (message: ConsumeMessage) => void): Promise<Session> {
  // As bytes, so that Rascal does not read the JSON as well.
  const orders = { queue: config.broker.queue, prefetch, contentType: 'application/octet-stream' };
  const link = await connectBroker(config.broker, { ...topology(config.broker), subscriptions: { orders } });
  const subscription = await link.broker.subscribe('orders');
  const inHand = new Map<number, AckOrNack>();
  subscription.on('error', link.lose);
  subscription.on('message', (message, _content, ackOrNack) => {
    inHand.set(message.fields.deliveryTag, ackOrNack);
    deliver(message as ConsumeMessage);
  });
  const answer = (tag: number, error?: Error) => {
    inHand.get(tag)!(error);
    inHand.delete(tag);
  };
  return {
    lost: link.lost,
    lose: link.lose,
    ack({ fields }, { allEarlier } = { allEarlier: false }) {
      // Not `{ all: true }`: that acknowledges everything in hand, also what is not stored yet.
      if (allEarlier) for (const tag of inHand.keys()) if (tag < fields.deliveryTag) answer(tag);
      answer(fields.deliveryTag);
    },
    giveBack: ({ fields }) => answer(fields.deliveryTag, new Error('no room')),
    publishDeadLetter: () => Promise.reject(new Error('not measured')),
    declare: async () => {},
    cancel: () => subscription.cancel(),
    close: () => link.close(),
  };
}

const activity = new Activity();
const consumer = consume({
  openSession,
  store: createPatientStore((incoming) => storeOrders(database, incoming), activity, log),
  queue: config.broker.queue,
  prefetch: config.broker.prefetch,
  maxMessageBytes: config.maxMessageBytes,
  activity,
  log,
});
process.once('SIGTERM', () => consumer.close().finally(() => process.exit()));
