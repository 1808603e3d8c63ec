import { connect, type Socket } from 'node:net';
import { percentile } from '../statistics.ts';

interface Load {
  port: number;
  /** The bytes of the n-th request. */
  request: (n: number) => Buffer;
  connections: number;
  seconds: number;
}

export interface LoadResult {
  requests: number;
  /** Answers other than 2xx, and connections that broke. */
  failed: number;
  perSecond: number;
  /** Milliseconds */
  p50: number;
  p99: number;
}

/**
 * Keeps one request under way on each of the connections, for so many seconds.
 * It works on bytes: it shares the computer with what it measures, and so should itself take as little of it as possible.
 */
export async function load({ port, request, connections, seconds }: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  let [sent, failed] = [0, 0];
  const began = performance.now();
  const end = began + seconds * 1000;

  function work(): Promise<void> {
    return new Promise((done) => {
      let started = 0;
      let reader: ReturnType<typeof answerReader>;
      let socket: Socket;
      const send = () => {
        if (performance.now() >= end) {
          socket.destroy();
          return done();
        }
        started = performance.now();
        socket.write(request(sent++));
      };
      const open = () => {
        reader = answerReader();
        let awaiting = true;
        socket = connect({ host: '127.0.0.1', port, noDelay: true });
        socket.on('connect', send);
        socket.on('data', (chunk) => {
          const answer = reader(chunk);
          if (!answer) return;
          latencies.push(performance.now() - started);
          if (answer.status < 200 || answer.status > 299) failed++;
          if (!answer.close) return send();
          awaiting = false;
          socket.destroy();
          open();
        });
        const broken = () => {
          if (!awaiting) return;
          awaiting = false;
          if (performance.now() >= end) return done();
          failed++;
          setTimeout(open, 5);
        };
        socket.on('error', broken);
        socket.on('close', broken);
      };
      open();
    });
  }

  await Promise.all(Array.from({ length: connections }, work));
  const elapsed = (performance.now() - began) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    failed,
    perSecond: latencies.length / elapsed,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

/** Takes the chunks of a connection; gives the answer when its last byte has come. */
function answerReader() {
  let head = '';
  let status = 0;
  let close = false;
  /** Bytes of the body that are missing; undefined while the header is read, 'chunked' where only the end tells. */
  let missing: number | 'chunked' | undefined;
  let tail = '';

  return (chunk: Buffer): { status: number; close: boolean } | undefined => {
    let body = chunk;
    if (missing === undefined) {
      head += chunk.toString('latin1');
      const headEnd = head.indexOf('\r\n\r\n');
      if (headEnd < 0) return undefined;
      body = Buffer.from(head.slice(headEnd + 4), 'latin1');
      head = head.slice(0, headEnd);
      status = Number(head.slice(9, 12));
      close = /^connection: *close/im.test(head);
      if (status === 204) missing = 0;
      else if (/^transfer-encoding: *chunked/im.test(head)) missing = 'chunked';
      else missing = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      tail = '\r\n';
    }
    if (missing === 'chunked') {
      // JSON as all of these servers write it has no line break: this is where the chunks end.
      tail = (tail + body.subarray(-7).toString('latin1')).slice(-7);
      if (!tail.endsWith('\r\n0\r\n\r\n')) return undefined;
    } else {
      missing -= body.length;
      if (missing > 0) return undefined;
    }
    head = '';
    missing = undefined;
    return { status, close };
  };
}

export function httpRequest(method: string, path: string, body?: unknown): Buffer {
  const content = body === undefined ? '' : JSON.stringify(body);
  const bodyHeader = content ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(content)}\r\n` : '';
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n${bodyHeader}\r\n${content}`);
}
