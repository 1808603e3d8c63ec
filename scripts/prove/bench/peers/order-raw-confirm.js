// One confirm channel and nothing else, no HTTP: as many orders under way as the message asks for, for so many seconds.
import amqp from 'amqplib/callback_api';
import { brokerUrl, queue } from './broker.js';

const connection = await new Promise((resolve, reject) =>
  amqp.connect(brokerUrl, (error, opened) => (error ? reject(error) : resolve(opened))),
);
const channel = await new Promise((resolve, reject) =>
  connection.createConfirmChannel((error, opened) => (error ? reject(error) : resolve(opened))),
);

process.on('message', ({ seconds, inFlight, order }) => {
  const latencies = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  let running = inFlight;
  const publish = () => {
    const started = performance.now();
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(order)), { persistent: true }, (error) => {
      if (error) throw error;
      latencies.push(performance.now() - started);
      if (performance.now() < end) publish();
      else if (--running === 0) process.send({ latencies, seconds: (performance.now() - began) / 1000 });
    });
  };
  for (let i = 0; i < inFlight; i++) publish();
});
process.send('ready');
