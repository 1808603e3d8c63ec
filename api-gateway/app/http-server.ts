import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';

export interface ServerLimits {
  /** Bytes of a request's header. */
  headerBytes: number;
  /** Milliseconds a client has for the header of a request. */
  headersTimeout: number;
  /** Milliseconds a client has for a whole request. */
  requestTimeout: number;
  connections: number;
}

/** A server that answers also what never becomes a request with problem details. */
export function createHttpServer(listener: RequestListener, limits: ServerLimits): Server {
  const server = createServer(
    {
      requireHostHeader: false, // Node's own refusal has no body; the app's admission makes it one
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeout,
      requestTimeout: limits.requestTimeout,
      connectionsCheckingInterval: 500,
      keepAliveTimeout: 65_000, // longer than what load balancers keep idle connections
      noDelay: true,
    },
    (req, res) => {
      if (!req.socket.writable) return; // the connection was refused while this was on its way
      // After `close()` Node leaves connections open that had a request under way, and their clients go on using them.
      if (!server.listening) res.shouldKeepAlive = false;
      res.on('close', () => {
        if (!server.listening) server.closeIdleConnections();
      });
      listener(req, res);
    },
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const { status, detail } = explain(error.code, limits);
    refuse(socket, status, detail);
  });
  // Counted here, not by `maxConnections`, which closes without a word.
  let open = 0;
  server.on('connection', (socket) => {
    open++;
    socket.once('close', () => open--);
    if (open > limits.connections) refuse(socket, 503, 'Too many connections are open. Try again in a second.');
  });
  // Node would answer 417 without a body. An expectation that is not understood may be ignored (RFC 9110, section 10.1.1).
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', (_request, socket: Socket) =>
    refuse(socket, 400, 'This is not a forward proxy: CONNECT is not possible here.'),
  );
  return server;
}

function explain(code: string | undefined, limits: ServerLimits): { status: number; detail: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, detail: `The header is larger than ${limits.headerBytes} bytes.` };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, detail: 'The chunk extensions are too large.' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        detail: `The request was not complete within ${limits.headersTimeout} ms for its header and ${limits.requestTimeout} ms in all.`,
      };
    default:
      return { status: 400, detail: 'This is not a valid HTTP request.' };
  }
}

interface HttpSocket extends Socket {
  /** Node's: the answer that is under way on this connection. */
  _httpMessage?: ServerResponse | null;
}

/** Milliseconds. */
const LINGER = 1000;

function refuse(socket: HttpSocket, status: number, detail: string): void {
  const underWay = socket._httpMessage;
  if (underWay?.req.complete && socket.writable) {
    // What is wrong came after a good request, whose answer goes first.
    underWay.once('close', () => refuse(socket, status, detail));
    return;
  }
  if (!socket.writable || underWay?.headersSent) return void socket.destroy();
  const body = problemBody(status, { detail });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(status === 503 ? ['Retry-After: 1'] : []),
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  // What the client still sends is read on for a moment: a connection closed over unread bytes is reset, and the
  // reset takes the answer with it (RFC 9112, section 9.6).
  socket.removeAllListeners('data');
  socket.on('data', () => {});
  const closing = setTimeout(() => socket.destroy(), LINGER);
  socket.once('end', () => socket.destroy()).once('close', () => clearTimeout(closing));
}
