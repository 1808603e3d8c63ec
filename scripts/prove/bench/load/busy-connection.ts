import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerReader } from './answer-reader.ts';

interface Work {
  port: number;
  /** When to stop, on the clock of `performance.now()`. A request under way is still waited for. */
  until: number;
  /** Milliseconds until the next request is due; it is not sent before. */
  wait(): number;
  nextRequest(): Buffer;
  answered(status: number, milliseconds: number): void;
  /** The connection broke while an answer was due. */
  broke(): void;
}

/** Keeps one request under way on one connection, and opens the next connection where a server closes it. */
export async function keepBusy(work: Work): Promise<void> {
  while (performance.now() < work.until) {
    const end = await useConnection(work);
    if (end === 'broken' && performance.now() < work.until) {
      work.broke();
      await sleep(5);
    }
  }
}

function useConnection({ port, until, wait, nextRequest, answered }: Work): Promise<'whole' | 'broken'> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const reader = answerReader();
    let started = 0;
    const finish = (end: 'whole' | 'broken') => {
      resolve(end);
      socket.destroy();
    };
    const send = () => {
      if (performance.now() >= until) return finish('whole');
      const early = wait();
      if (early > 0) return void setTimeout(send, Math.ceil(early));
      started = performance.now();
      socket.write(nextRequest());
    };
    socket.on('connect', send);
    socket.on('data', (chunk) => {
      const answer = reader(chunk);
      if (!answer) return;
      answered(answer.status, performance.now() - started);
      if (answer.close) finish('whole');
      else send();
    });
    socket.on('error', () => finish('broken'));
    socket.on('close', () => finish('broken'));
  });
}
