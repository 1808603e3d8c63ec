import { randomBytes } from 'node:crypto';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from './log.ts';
import { PROBLEM_TYPE, problemBody } from './problem.ts';
import { givenRequestId } from './request-id.ts';

/** Why a connection is answered by the server itself, and then closed. */
export interface Refusal {
  status: number;
  kind: string;
  detail: string;
  /** Where the header of the request could be read. */
  req?: IncomingMessage;
}

/** Milliseconds. */
const LINGER = 1000;

/** Writes the refusal as problem details with the fields and the log line of every other answer, and closes the connection. */
export function refuse(socket: Socket, { status, kind, detail, req }: Refusal, log: Logger): void {
  if (!socket.writable) return void socket.destroy();
  const requestId = givenRequestId(req?.headers) ?? randomBytes(16).toString('hex');
  const body = problemBody(status, { kind, detail });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Date: ${new Date().toUTCString()}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${requestId}`,
      ...(status === 503 ? ['Retry-After: 1'] : []),
      'Connection: close',
      '',
      req?.method === 'HEAD' ? '' : body,
    ].join('\r\n'),
  );
  log.info({ request_id: requestId, method: req?.method, path: req?.url, status, client: socket.remoteAddress, refused: detail });
  // What the client still sends is read on for a moment: a connection closed over unread bytes is reset, and the
  // reset takes the answer with it (RFC 9112, section 9.6).
  socket.removeAllListeners('data');
  socket.on('data', () => {}).resume();
  const closing = setTimeout(() => socket.destroy(), LINGER);
  socket.once('end', () => socket.destroy()).once('close', () => clearTimeout(closing));
}

/** What is wrong with a request that Node's parser gave up; `code` is the error's. */
export function unreadable(
  code: string | undefined,
  limits: { headerBytes: number; headersTimeout: number; requestTimeout: number },
): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, kind: 'header-too-large', detail: `The header is larger than ${limits.headerBytes} bytes.` };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, kind: 'bad-request', detail: 'The chunk extensions are too large.' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        kind: 'request-timeout',
        detail: `The request was not complete within ${limits.headersTimeout} ms for its header and ${limits.requestTimeout} ms in all.`,
      };
    default:
      return { status: 400, kind: 'bad-request', detail: 'This is not a valid HTTP request.' };
  }
}
