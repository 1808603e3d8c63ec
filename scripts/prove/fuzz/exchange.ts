import { connect } from 'node:net';

export interface Reply {
  status: number;
  headers: Record<string, string>;
  /** The body, out of its chunks. */
  body: Buffer;
  /** Whether it came to its end. */
  complete: boolean;
}

/**
 * Sends the bytes on a connection of their own. Gives the first final answer, or undefined when the server closed without one
 * or said nothing for `patience` milliseconds.
 */
export function exchange(port: number, bytes: Buffer, isHead: boolean, patience: number): Promise<Reply | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const chunks: Buffer[] = [];
    let received = 0;
    const finish = () => {
      socket.destroy();
      resolve(parseReply(Buffer.concat(chunks), isHead));
    };
    socket.setTimeout(patience, finish);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      received += chunk.length;
      // A long answer is looked at when it may be at its end.
      if (received < 65_536 || chunk.length < 65_536) {
        if (parseReply(Buffer.concat(chunks), isHead)?.complete) finish();
      }
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // The server may answer and close while we still write.
      if (error.code === 'ECONNREFUSED') reject(error);
    });
    socket.on('close', finish);
  });
}

/** The first final answer in what came over a connection. */
function parseReply(received: Buffer, isHead: boolean): Reply | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = received.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(`${statusLine} `)?.[1] ?? Number.NaN);
  const rest = received.subarray(headEnd + 4);
  if (status >= 100 && status < 200) return parseReply(rest, isHead);
  const headers: Record<string, string> = {};
  for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();

  if (isHead || status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0), complete: true };
  if (headers['transfer-encoding'] === 'chunked') return { status, headers, ...unchunk(rest) };
  const length = Number(headers['content-length'] ?? Number.POSITIVE_INFINITY);
  return { status, headers, body: rest.subarray(0, length), complete: rest.length >= length };
}

function unchunk(bytes: Buffer): { body: Buffer; complete: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { body: Buffer.concat(parts), complete: false };
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (size === 0) return { body: Buffer.concat(parts), complete: bytes.indexOf('\r\n', lineEnd + 2) >= 0 };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
