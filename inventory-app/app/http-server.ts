import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { PROBLEM_TYPE, problemBody } from '@crud-master/plumbing/problem';
import type { Config } from './config.ts';

/** A server that answers also what never becomes a request with problem details. */
export function createHttpServer(listener: RequestListener, limits: Config['http']): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerLimit,
      headersTimeout: limits.headersTimeout,
      requestTimeout: limits.requestTimeout,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 75_000, // longer than the gateway's, or it would send into a connection that just closed
      noDelay: true,
    },
    listener,
  );
  const answering = new WeakSet<Socket>();
  server.on('request', ({ socket }, response) => {
    answering.add(socket);
    response.on('close', () => {
      answering.delete(socket);
      if (!server.listening) server.closeIdleConnections(); // closing: this one has become idle
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // In the middle of an answer, another one would be taken for a part of it.
    if (!socket.writable || answering.has(socket)) return void socket.destroy();
    const { status, kind, detail } = explain(error.code);
    const body = problemBody(status, { kind, detail });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      () => socket.destroy(),
    );
  });
  return server;
}

function explain(code: string | undefined): { status: number; kind: string; detail: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, kind: 'headers-too-large', detail: 'The header fields of the request are too large.' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, kind: 'request-timeout', detail: 'The request did not arrive completely in time.' };
    default:
      return { status: 400, kind: 'bad-request', detail: 'This is not a valid HTTP request.' };
  }
}
