import { connect } from 'node:net';
import type { Answer } from './document.ts';

/**
 * Sends bytes as they are and reads until the server closes the connection or is silent for `patience` milliseconds.
 * Undefined when nothing came back.
 */
export async function sendBytes(origin: string, bytes: string | Buffer, patience = 1500): Promise<string | undefined> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let received = '';
    socket.setEncoding('latin1');
    socket.setTimeout(patience, () => socket.destroy());
    socket.on('connect', () => socket.write(bytes as string, 'latin1'));
    socket.on('data', (data) => {
      received += data;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server may close while we still write: what it answered before counts.
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(received || undefined));
  });
}

/** The first answer in what a socket received. */
export function parseAnswer(method: string, path: string, received: string): Answer {
  const end = received.indexOf('\r\n\r\n');
  const [statusLine, ...lines] = received.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const body = Buffer.from(received.slice(end + 4), 'latin1');
  const length = headers['content-length'] === undefined ? body.length : Number(headers['content-length']);
  const text = method === 'HEAD' ? '' : body.subarray(0, length).toString('utf8');
  return { method, path, status: Number(statusLine!.split(' ')[1]), headers, text };
}
